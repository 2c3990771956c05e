"""Fields whose value is read one at a time: a price, a number, an address of the web."""
