"""Activations: what a unit makes of its sum."""
