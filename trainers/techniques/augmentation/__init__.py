"""Augmentations: what makes new samples of old ones."""
