"""Tests of single modules: no database, no socket, no GPU."""
