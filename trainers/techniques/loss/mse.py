"""The mean squared error."""

from torch.nn import functional

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.techniques.loss.targets import Loss, check_every, shares
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="loss",
    name="mse",
    summary="the mean squared error; of classes the Brier score of the outputs as they are",
    paper="Hui, Belkin 2021: Evaluation of neural architectures trained with square loss vs cross-entropy",
    test="tests/unit/trainers/techniques/test_loss.py::test_it_is_pytorchs_own",
)


def make(chosen: Chosen, data: Data) -> Loss:
    """For numbers; of classes it takes the share of each, which is 1 for the right one."""
    check_every(TECHNIQUE.name, data)
    return lambda outputs, targets: functional.mse_loss(outputs, shares(outputs, targets))
