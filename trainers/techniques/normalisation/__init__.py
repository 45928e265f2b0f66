"""Normalisations: what holds the scale of activations."""
