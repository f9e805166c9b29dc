"""Your own pictures: a folder or a zip, read in place."""
