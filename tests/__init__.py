"""Tests of Basin: unit, conformance, integration, acceptance, browser."""
