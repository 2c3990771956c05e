"""IP addresses: their spellings and ranges, MaxMind DB files, reverse DNS."""
