"""The mean absolute error: far-off samples pull no harder than others."""

from torch.nn import functional

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.techniques.loss.targets import Loss, check_every, shares
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="loss",
    name="mae",
    summary="the mean absolute error: far-off samples pull no harder than others",
    paper="Boscovich 1757; Huber 1964: Robust estimation of a location parameter",
    test="tests/unit/trainers/techniques/test_loss.py::test_it_is_pytorchs_own",
)


def make(chosen: Chosen, data: Data) -> Loss:
    """For numbers; of classes it takes the share of each, which is 1 for the right one."""
    check_every(TECHNIQUE.name, data)
    return lambda outputs, targets: functional.l1_loss(outputs, shares(outputs, targets))
