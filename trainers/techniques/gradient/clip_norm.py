"""Clipping by norm: a gradient that is too long is scaled down, its direction stays."""

from torch.nn.utils import clip_grad_norm_

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Change, Technique

TECHNIQUE = Technique(
    kind="gradient",
    name="clip_norm",
    summary="a gradient longer than this is scaled down to it; its direction stays",
    paper="Pascanu, Mikolov, Bengio 2013: On the difficulty of training recurrent neural networks",
    test="tests/unit/trainers/techniques/test_gradients.py::test_clipping_by_norm_keeps_the_direction",
    dimensions=(real("clip_norm", 0.1, 10.0, log=True, default=0.0, summary="longest that a gradient may be"),),
)


def make(chosen: Chosen) -> Change | None:
    """What is to be done to gradients."""
    longest = chosen.real("clip_norm")
    return (lambda taken: clip_grad_norm_(taken.parameters, longest, foreach=True)) if longest else None
