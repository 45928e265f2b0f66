"""Tests of models: what they take, what they refuse, and what their papers say of them."""
