"""The Kullback-Leibler divergence: what cross-entropy is above the entropy of the targets themselves."""

from torch import Tensor
from torch.nn import functional

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.techniques.loss import class_weights
from trainers.techniques.loss.targets import Loss, check_classes, shares
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="loss",
    name="kl",
    summary="what cross-entropy is above the entropy of the targets: 0 where smoothed or mixed targets are met",
    paper="Kullback, Leibler 1951: On information and sufficiency",
    test="tests/unit/trainers/techniques/test_loss.py::test_it_is_pytorchs_own",
)


def make(chosen: Chosen, data: Data) -> Loss:
    """Of classes (where it is cross-entropy), or of shares of classes."""
    check_classes(TECHNIQUE.name, data)
    weights = class_weights.make(chosen, data)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        logs = functional.log_softmax(outputs, -1)
        apart = functional.kl_div(logs, shares(outputs, targets), reduction="none")
        return (apart if weights is None else apart * weights).sum(-1).mean()

    return loss
