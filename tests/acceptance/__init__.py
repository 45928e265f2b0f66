"""Tests of the whole from outside: real processes, real files, clean machines."""
