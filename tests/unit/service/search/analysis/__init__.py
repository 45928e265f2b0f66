"""Tests of what is told of a study's trials."""
