"""Techniques of training: one file each, pure functions, and what each of them adds to a search space."""
