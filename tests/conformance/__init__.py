"""Suites that every implementation of a port inherits and must pass."""
