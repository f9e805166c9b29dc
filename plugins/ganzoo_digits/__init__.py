"""Digits: handwriting drawn from strokes, the data set that needs no download."""
