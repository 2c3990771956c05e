"""What stages with state share: what they remember of records, and by what they compare them."""
