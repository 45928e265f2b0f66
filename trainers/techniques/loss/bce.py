"""Binary cross-entropy: of each class by itself, whether it is the right one."""

from torch import Tensor
from torch.nn import functional

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.techniques.loss import class_weights
from trainers.techniques.loss.targets import Loss, check_classes, shares
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="loss",
    name="bce",
    summary="cross-entropy of each class by itself: whether it is the right one",
    paper="Wightman, Touvron, Jegou 2021: ResNet strikes back",
    test="tests/unit/trainers/techniques/test_loss.py::test_it_is_pytorchs_own",
)


def make(chosen: Chosen, data: Data) -> Loss:
    """Of classes, or of shares of classes; the mean over classes."""
    check_classes(TECHNIQUE.name, data)
    weights = class_weights.make(chosen, data)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        wanted = shares(outputs, targets)
        each = functional.binary_cross_entropy_with_logits(outputs, wanted, reduction="none").mean(-1)
        # A sample counts by its own class: all outputs learn from it.
        return (each if weights is None else each * (wanted @ weights)).mean()

    return loss
