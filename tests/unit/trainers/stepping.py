"""Steps as the loop takes them, on one small module, without all else that a training is."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainers import loop
from trainers.chosen import Chosen
from trainers.space import Scalar
from trainers.step import Step
from trainers.supervised import phase
from trainers.training import Batch


def stepped(
    module: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    params: Mapping[str, Scalar],
    *,
    steps: int = 1,
    pieces: int = 1,
) -> Step:
    """Take steps on the whole of the samples, by the mean square."""
    chosen = Chosen(loop.DIMENSIONS, {"learning_rate": 0.05, "optimizer": "sgd", **params})
    step = Step(chosen, lambda _: 1.0, torch.device("cpu"))
    learned = phase("learn", module, lambda model, batch: (model(batch.inputs) - batch.targets).square().mean(), chosen)
    chance = torch.Generator().manual_seed(0)
    parts = zip(inputs.chunk(pieces), targets.chunk(pieces), strict=True)
    batch = [Batch(one, target, chance) for one, target in parts]
    for number in range(steps):
        step.take(learned, module, batch, number)
    return step
