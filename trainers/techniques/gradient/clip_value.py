"""Clipping by value: each number of a gradient is kept within bounds."""

from torch.nn.utils import clip_grad_value_

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Change, Technique

TECHNIQUE = Technique(
    kind="gradient",
    name="clip_value",
    summary="no number of a gradient is larger than this; its direction changes",
    paper="Mikolov 2012: Statistical language models based on neural networks (thesis)",
    test="tests/unit/trainers/techniques/test_gradients.py::test_clipping_by_value_bounds_each_number",
    dimensions=(real("clip_value", 0.01, 1.0, log=True, default=0.0, summary="largest number of a gradient"),),
)


def make(chosen: Chosen) -> Change | None:
    """What is to be done to gradients."""
    largest = chosen.real("clip_value")
    return (lambda taken: clip_grad_value_(taken.parameters, largest, foreach=True)) if largest else None
