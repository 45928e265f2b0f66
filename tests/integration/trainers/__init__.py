"""Trainers with a real disk and real libraries."""
