"""Orthogonal: weights turn signals and do not stretch them; kernels are taken as flattened matrices."""

from torch import nn

from trainers.chosen import Chosen
from trainers.techniques.initialisation.weights import GAIN, Initialise, fill
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="initialisation",
    name="orthogonal",
    summary="weights that turn signals and do not stretch them; kernels as flattened matrices",
    paper="Saxe, McClelland, Ganguli 2014: Exact solutions to the dynamics of learning in deep linear networks",
    test="tests/unit/trainers/techniques/test_initialisation.py::test_orthogonal_rows",
    dimensions=(GAIN,),
)


def make(chosen: Chosen) -> Initialise:
    """Fills the weights of a model."""
    gain = chosen.real("init_gain")
    return lambda model, _inputs: fill(model, lambda one: nn.init.orthogonal_(one, gain))
