"""How long a training is, in epochs and in steps, and how long it may become."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.space import BadParameter, Dimension, steps, whole

DIMENSIONS: tuple[Dimension, ...] = (
    whole("epochs", 1, 100, default=20, searched=False, summary="times that the data are gone through"),
    steps("batch_size", 16, 32, 64, 128, 256, default=64, summary="samples of a step"),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """The steps of a training."""

    samples: int
    epochs: int
    batch_size: int
    total: int
    """Steps of the longest training of this study: schedules go by it, so that values at one epoch compare."""

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        whole, rest = divmod(self.samples, self.batch_size)
        # One sample has no spread, which batch normalisation needs: it joins the batch before.
        joins = rest == 1 and whole > 0
        return whole if joins or not rest else whole + 1

    @property
    def longest(self) -> int:
        """Epochs of the longest training of this study."""
        return self.total // self.steps

    def batches(self, seed: int, device: torch.device, *, pinned: bool = False) -> list[Tensor]:
        """Where the samples of each step of an epoch are: drawn on the CPU, so that every device has the same order.

        On the CPU they may be `pinned`, for a device to read them.
        """
        order = torch.randperm(self.samples, generator=torch.Generator().manual_seed(seed)).to(device)
        order = order.pin_memory() if pinned else order
        sizes = [self.batch_size] * (self.steps - 1)
        return list(torch.split(order, [*sizes, self.samples - sum(sizes)]))


def of(chosen: Chosen, samples: int, horizon: int | None) -> Pace:
    """The pace that was chosen. Without `epochs` of its own a training goes to the study's horizon."""
    batch = samples if chosen.flag("full_batch") else chosen.whole("batch_size")
    if batch > samples:
        raise BadParameter("batch_size", f"must be at most {samples}, the samples to train on, not {batch}")
    epochs = horizon if horizon is not None and "epochs" not in chosen.given else chosen.whole("epochs")
    pace = Pace(samples, epochs, batch, 0)
    return replace(pace, total=pace.steps * max(horizon or 0, epochs))
