"""Threat intelligence: STIX patterns, what they are about, and where indicators come from."""
