"""Pictures and recordings: one module a format, hashes by what they show, and the AI engine."""
