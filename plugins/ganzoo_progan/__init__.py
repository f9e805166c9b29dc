"""Progressive growing: networks that grow while they train (Karras et al., 2018)."""
