"""Recipes: whole trainings that need nothing but their parameters."""
