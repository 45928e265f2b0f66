"""What trainers report of a training's health beside its metrics: figures whose names begin with `health.`."""

import math
from collections.abc import Iterable, Mapping
from typing import Final

PREFIX: Final = "health."
FLAG: Final = "health.flag."
"""Reported as 1 for each disease that an epoch shows signs of, and else not at all."""
VIOLATION: Final = "basin:violation"
"""Where a trial's memory holds how far its point is beyond where training is stable: above 0 beyond it."""


def of(metrics: Mapping[str, float] | None) -> dict[str, float]:
    """The figures of health among metrics, without their prefix; flags are left out."""
    told = (metrics or {}).items()
    return {
        name.removeprefix(PREFIX): value
        for name, value in told
        if name.startswith(PREFIX) and not name.startswith(FLAG)
    }


def flags(metrics: Mapping[str, float] | None) -> frozenset[str]:
    """The flags among metrics."""
    return frozenset(name.removeprefix(FLAG) for name in metrics or {} if name.startswith(FLAG))


def plain(names: Iterable[str]) -> list[str]:
    """The names that are no figures of health."""
    return [name for name in names if not name.startswith(PREFIX)]


def violation(metrics: Mapping[str, float] | None) -> float | None:
    """How far beyond the border of stability a trial was at its last point; None if its trainer does not tell."""
    value = (metrics or {}).get(f"{PREFIX}violation")
    return value if value is not None and math.isfinite(value) else None
