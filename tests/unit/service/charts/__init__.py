"""Tests of what charts are drawn from."""
