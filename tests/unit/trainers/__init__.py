"""Tests of the trainers' own modules."""
