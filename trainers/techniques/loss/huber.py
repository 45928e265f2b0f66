"""Huber's loss: squared near the target, absolute far from it."""

from torch.nn import functional

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import real
from trainers.techniques.loss.targets import Loss, check_every, shares
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="loss",
    name="huber",
    summary="squared near the target, absolute far from it",
    paper="Huber 1964: Robust estimation of a location parameter",
    test="tests/unit/trainers/techniques/test_loss.py::test_it_is_pytorchs_own",
    dimensions=(
        real(
            "huber_delta",
            1e-1,
            1e1,
            log=True,
            default=1.0,
            above=True,
            summary="the error from which on the loss grows in proportion",
            when={"loss": "huber"},
        ),
    ),
)


def make(chosen: Chosen, data: Data) -> Loss:
    """For numbers; of classes it takes the share of each, which is 1 for the right one."""
    delta = chosen.real("huber_delta")
    check_every(TECHNIQUE.name, data)
    return lambda outputs, targets: functional.huber_loss(outputs, shares(outputs, targets), delta=delta)
