"""ELU: negative values level off smoothly, so that activations are centred."""

from torch import nn

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="activation",
    name="elu",
    summary="negative values level off smoothly, so that activations are centred",
    paper="Clevert, Unterthiner, Hochreiter 2016: Fast and accurate deep network learning by exponential linear units",
    test="tests/unit/trainers/techniques/test_activation.py::test_it_is_what_its_paper_says",
    dimensions=(
        real(
            "elu_alpha",
            0.5,
            2.0,
            default=1.0,
            above=True,
            summary="how far below zero ELU goes",
            when={"activation": "elu"},
        ),
    ),
)


def make(chosen: Chosen) -> nn.Module:
    """The activation as a module of its own, so that what comes out of it can be watched."""
    return nn.ELU(chosen.real("elu_alpha"))
