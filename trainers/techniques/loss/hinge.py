"""The hinge loss of many classes: the right one should lead by a margin of 1, and more is not asked."""

from torch import Tensor
from torch.nn import functional

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.techniques.loss import class_weights
from trainers.techniques.loss.targets import Loss, check_classes, expected
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="loss",
    name="hinge",
    summary="the right class should lead each other one by a margin of 1, and more is not asked",
    paper="Crammer, Singer 2001: Multiclass kernel-based vector machines; Weston, Watkins 1999",
    test="tests/unit/trainers/techniques/test_loss.py::test_it_is_pytorchs_own",
)


def make(chosen: Chosen, data: Data) -> Loss:
    """Of classes, or of shares of classes: the mean over classes of what each lacks of its distance."""
    check_classes(TECHNIQUE.name, data)
    weights = class_weights.make(chosen, data)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        if targets.is_floating_point():
            return expected(_losses(outputs), targets, weights)
        return functional.multi_margin_loss(outputs.flatten(0, -2), targets.flatten(), weight=weights)

    return loss


def _losses(outputs: Tensor) -> Tensor:
    """What the loss would be for each class, if that were the right one."""
    # The right class is in the sum with its margin of 1 to itself, which is taken off.
    lacks = (1 - outputs.unsqueeze(-1) + outputs.unsqueeze(-2)).clamp(min=0)
    return (lacks.sum(-1) - 1) / outputs.shape[-1]
