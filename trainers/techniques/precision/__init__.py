"""Precisions: the numbers that are computed with."""
