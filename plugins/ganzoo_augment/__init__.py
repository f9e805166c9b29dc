"""Augmentations for little data: DiffAugment and ADA."""
