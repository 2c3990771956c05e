"""Rules about a record: conditions that it meets, and forms that values have."""
