"""Tests of techniques: each does what its paper says."""
