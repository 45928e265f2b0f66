"""Models: one file each, built from a shape, a number of outputs and what was chosen."""
