"""A data set as it was read: whole, before anything of it is set aside or scaled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from trainers.data.dataset import Task
from trainers.data.wanted import Wanted

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Whole:
    """All samples of a data set."""

    task: Task
    inputs: Tensor
    targets: Tensor
    outputs: int
    fingerprint: str
    labels: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    """What inputs stand for where they are words."""
    parts: tuple[str, ...] | None = None
    """Of each sample, where the data say themselves to which part it belongs: one of PARTS."""
    ordered: bool = False
    """Whether neighbours resemble each other, as in a text: then the parts are not mixed."""
    where: Callable[[int], str] = field(default=lambda place: f"sample {place + 1}")
    """Says where a sample stands in what was read."""


Read = Callable[[Wanted], Whole]


def samples(places: Sequence[int], where: Callable[[int], str], most: int = 3) -> str:
    """A few places in words."""
    named = ", ".join(where(one) for one in places[:most])
    return named if len(places) <= most else f"{named} and {len(places) - most} more"
