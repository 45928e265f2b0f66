"""Schedules: how the learning rate changes while training, as formulas of the step and of the last there may be."""
