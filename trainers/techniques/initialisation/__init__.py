"""Initialisations: what weights are before the first step."""
