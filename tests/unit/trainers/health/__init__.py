"""Tests of training health."""
