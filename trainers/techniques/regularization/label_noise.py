"""Label noise: some labels of the training part are made wrong, to study what that does and who notices."""

from dataclasses import replace

import torch

from trainers.chosen import Chosen
from trainers.data.dataset import IGNORED, Data
from trainers.space import BadParameter, real
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="label_noise",
    summary="a share of the training labels is made wrong, to study what that does; validation stays as it is",
    paper="Zhang, Bengio, Hardt, Recht, Vinyals 2017: Understanding deep learning requires rethinking generalization",
    test="tests/unit/trainers/techniques/test_target.py::test_so_many_labels_are_wrong",
    dimensions=(
        real("label_noise", 0.0, 0.4, default=0.0, most=1.0, summary="share of labels made wrong", searched=False),
    ),
)


def make(chosen: Chosen, data: Data) -> Data:
    """The data with that share of their training labels wrong: the same ones in every trial of a study."""
    share = chosen.real("label_noise") if "label_noise" in chosen.dimensions else 0.0
    if not share:
        return data
    targets = data.train.targets
    if targets.is_floating_point() or data.outputs < 2:
        raise BadParameter("label_noise", f"must be 0 for {data.name}: it has no classes that could be mistaken")
    generator = torch.Generator().manual_seed(0)
    # Drawn on the CPU, so that all devices have the same ones wrong.
    wrong = (torch.rand(targets.shape, generator=generator) < share).to(targets.device) & (targets != IGNORED)
    away = torch.randint(1, data.outputs, targets.shape, generator=generator).to(targets.device)
    return replace(
        data, train=replace(data.train, targets=torch.where(wrong, (targets + away) % data.outputs, targets))
    )
