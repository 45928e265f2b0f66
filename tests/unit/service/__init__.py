"""Tests of the modules of `service`, mirroring its folders."""
