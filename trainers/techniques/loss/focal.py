"""The focal loss: cross-entropy that has little interest in what is right already."""

from torch import Tensor
from torch.nn import functional

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import real
from trainers.techniques.loss.targets import Loss, of_classes
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="loss",
    name="focal",
    summary="cross-entropy that has little interest in what is right already",
    paper="Lin, Goyal, Girshick, He, Dollar 2017: Focal loss for dense object detection",
    test="tests/unit/trainers/techniques/test_loss.py::test_focal_loss_looks_at_what_is_wrong",
    dimensions=(
        real(
            "focal_gamma",
            0.5,
            5.0,
            default=2.0,
            summary="how little what is right already counts; 0 is cross-entropy",
            when={"loss": "focal"},
        ),
    ),
)


def make(chosen: Chosen, data: Data) -> Loss:
    """Of classes, or of shares of classes."""
    gamma = chosen.real("focal_gamma")

    def losses(outputs: Tensor) -> Tensor:
        logs = functional.log_softmax(outputs, -1)
        return -logs * (1 - logs.exp()).clamp(min=0).pow(gamma)

    return of_classes(TECHNIQUE.name, chosen, data, losses)
