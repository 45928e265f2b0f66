"""Averages of weights along a training: they are judged in the place of the last ones."""
