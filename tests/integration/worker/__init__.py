"""Attempts in real processes."""
