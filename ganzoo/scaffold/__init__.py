"""A package to begin with: its files as plain text, with names to fill in."""
