"""Class weights: samples of rare classes count more, so that they are not passed over."""

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import IGNORED, Data
from trainers.space import BadParameter, real
from trainers.techniques.technique import Clash, Technique

TECHNIQUE = Technique(
    kind="loss",
    name="class_weights",
    with_others=True,
    summary="samples of rare classes count more: by the inverse of how often their class is, to this power",
    paper="King, Zeng 2001: Logistic regression in rare events data",
    test="tests/unit/trainers/techniques/test_loss.py::test_class_weights_find_the_rare_class",
    dimensions=(
        real(
            "class_weights",
            0.0,
            1.0,
            default=0.0,
            most=2.0,
            summary="how much more rare classes count: 0 not at all, 1 so that each class counts the same",
            searched=False,
        ),
    ),
    clashes=(
        Clash(
            {"class_weights": {"min": 1e-9}, "loss": ["mse", "mae", "huber"]},
            "these losses know no weights of classes: take cross_entropy, focal, hinge, kl or bce, or class_weights 0",
        ),
    ),
)


def make(chosen: Chosen, data: Data) -> Tensor | None:
    """A weight for each class, on the device of the data: 1 in the mean over the samples of the training part."""
    power = chosen.real("class_weights")
    if power == 0:
        return None
    targets = data.train.targets
    if targets.is_floating_point():
        raise BadParameter("class_weights", f"must be 0 for {data.name}: it has no classes, but numbers to predict")
    counts = torch.bincount(targets[targets != IGNORED], minlength=data.outputs).float()
    weights = counts.clamp(min=1.0).pow(-power)
    return weights * counts.sum() / (weights * counts).sum()
