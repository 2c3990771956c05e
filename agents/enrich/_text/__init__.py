"""What is found in a text: indicators, names, amounts, scripts, valence."""
