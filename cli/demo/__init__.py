"""What the demo runs on: records from a seeded generator, and a small GeoIP database."""
