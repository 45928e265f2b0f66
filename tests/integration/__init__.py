"""Tests that join parts: real databases, deployment files."""
