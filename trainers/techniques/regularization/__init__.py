"""Regularizations: what keeps a model from learning its samples by heart."""
