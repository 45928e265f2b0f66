"""Techniques between the gradient and the step: what is done to gradients, and how they are gathered."""
