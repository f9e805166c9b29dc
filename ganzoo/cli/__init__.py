"""The command line: one file a command; the only rooms that know click and rich."""
