"""Sampling in a process of its own: it takes no time from the process that answers requests."""
