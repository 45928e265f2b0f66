"""No normalisation."""

from torch import nn

from trainers.chosen import Chosen
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="normalisation",
    name="none",
    summary="activations are left as they are",
    paper="-",
    test="tests/unit/trainers/techniques/test_normalisation.py::test_it_holds_mean_and_deviation",
)


def make(chosen: Chosen, width: int, dims: int) -> nn.Module:
    """For `width` channels of images (`dims` is 2), or for `width` numbers a sample (0)."""
    return nn.Identity()
