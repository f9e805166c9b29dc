"""Numbers that compare generated with real images, in the space of any extractor."""
