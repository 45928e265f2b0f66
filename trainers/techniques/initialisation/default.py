"""The default: what PyTorch makes of each layer by itself."""

from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.techniques.initialisation.weights import Initialise
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="initialisation",
    name="default",
    summary="as PyTorch makes each layer: uniform, with a third of the variance that keeps signals as they are",
    paper="LeCun, Bottou, Orr, Muller 1998: Efficient BackProp",
    test="tests/unit/trainers/techniques/test_initialisation.py::test_variance_of_weights",
)


def make(chosen: Chosen) -> Initialise:
    """Leaves the model as it is."""

    def leave(model: nn.Module, inputs: Tensor) -> None:
        """Nothing to do."""

    return leave
