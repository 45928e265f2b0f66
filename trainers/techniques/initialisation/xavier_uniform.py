"""Xavier, uniform: signals keep their variance on the way there and gradients on the way back, without ReLU."""

from torch import nn

from trainers.chosen import Chosen
from trainers.techniques.initialisation.weights import GAIN, Initialise, fill
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="initialisation",
    name="xavier_uniform",
    summary="uniform, with the variance that keeps signals there and gradients back, for tanh and the like",
    paper="Glorot, Bengio 2010: Understanding the difficulty of training deep feedforward neural networks",
    test="tests/unit/trainers/techniques/test_initialisation.py::test_variance_of_weights",
    dimensions=(GAIN,),
)


def make(chosen: Chosen) -> Initialise:
    """Fills the weights of a model."""
    gain = chosen.real("init_gain")
    return lambda model, _inputs: fill(model, lambda one: nn.init.xavier_uniform_(one, gain))
