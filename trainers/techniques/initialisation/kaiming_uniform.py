"""Kaiming, uniform: signals keep their size through ReLU, which takes half of them away."""

from torch import nn

from trainers.chosen import Chosen
from trainers.techniques.initialisation.weights import GAIN, Initialise, fill, slope_of
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="initialisation",
    name="kaiming_uniform",
    summary="uniform, twice the variance, since ReLU takes half of a signal away",
    paper="He, Zhang, Ren, Sun 2015: Delving deep into rectifiers",
    test="tests/unit/trainers/techniques/test_initialisation.py::test_kaiming_keeps_signals_through_many_layers",
    dimensions=(GAIN,),
)


def make(chosen: Chosen) -> Initialise:
    """Fills the weights of a model."""
    gain, slope = chosen.real("init_gain"), slope_of(chosen)
    return lambda model, _inputs: fill(model, lambda one: nn.init.kaiming_uniform_(one, slope).mul_(gain))
