"""Races: search policies against each other in virtual time, over learning curves that were really trained."""
