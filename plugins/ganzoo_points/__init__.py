"""Points in the plane, whose modes can be counted."""
