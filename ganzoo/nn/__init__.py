"""Layers and checks that two or more plugins share."""
