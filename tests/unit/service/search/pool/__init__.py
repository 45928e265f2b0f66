"""Tests of the pool: trials that pause at rungs, and who decides which of them goes on."""
