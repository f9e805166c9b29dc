"""Images from images, for ganzoo: outlines become pictures, small pictures larger ones."""
