"""Leaky ReLU: what is negative is let through weakly, so that no unit dies."""

from torch import nn

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="activation",
    name="leaky_relu",
    summary="what is negative is let through weakly, so that no unit dies",
    paper="Maas, Hannun, Ng 2013: Rectifier nonlinearities improve neural network acoustic models",
    test="tests/unit/trainers/techniques/test_activation.py::test_it_is_what_its_paper_says",
    dimensions=(
        real(
            "leaky_slope",
            1e-2,
            3e-1,
            log=True,
            default=1e-2,
            most=1.0,
            summary="slope of leaky ReLU where it is negative",
            when={"activation": "leaky_relu"},
        ),
    ),
)


def make(chosen: Chosen) -> nn.Module:
    """The activation as a module of its own, so that what comes out of it can be watched."""
    return nn.LeakyReLU(chosen.real("leaky_slope"))
