"""A trial without a worker: for notebooks, tests and a first try at the desk. It keeps what it is told."""

import itertools
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trainers.api import Order, Resume, Scalar, Trial
from trainers.checkpoint import Written


class Kept:
    """A channel that only remembers."""

    def __init__(self, show: Callable[[str], object] | None) -> None:
        self.points: list[tuple[int, dict[str, float]]] = []
        self.checkpoints: list[tuple[int, Written]] = []
        self.fingerprint: str | None = None
        self._show = show

    def reported(self, step: int, metrics: Mapping[str, float], elapsed: float, cost: float | None) -> None:
        """Remember a point."""
        self.points.append((step, dict(metrics)))
        if self._show is not None:
            shown = (f"{name} {value:.6g}" for name, value in metrics.items() if not name.startswith("health."))
            self._show(f"step {step}: {', '.join(shown)}")

    def saved(self, step: int, file: Written) -> None:
        """Remember a checkpoint."""
        self.checkpoints.append((step, file))

    def read(self, fingerprint: str) -> None:
        """Remember which data these are."""
        self.fingerprint = fingerprint


class LocalTrial(Trial):
    """A trial to call a training function with: `train(LocalTrial({"lr": 0.1}))`, then look at `points`.

    `order` is given to it after so many points (`order_after`), to try out how a function ends.
    """

    def __init__(
        self,
        params: Mapping[str, Scalar],
        *,
        seed: int = 0,
        folder: Path | None = None,
        show: Callable[[str], object] | None = None,
        order: Order | None = None,
        order_after: int = 1,
        **more: Any,
    ) -> None:
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="basin-trial-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._kept = Kept(show)
        self._order = order
        self._left = itertools.count(order_after - 1, -1)
        super().__init__(
            params=params,
            seed=seed,
            folder=folder,
            channel=self._kept,
            **more,
        )

    @property
    def points(self) -> list[tuple[int, dict[str, float]]]:
        """What was reported: (step, metrics)."""
        return self._kept.points

    @property
    def checkpoints(self) -> list[tuple[int, Written]]:
        """What was saved: (step, file)."""
        return self._kept.checkpoints

    @property
    def trained_on(self) -> str | None:
        """The fingerprint of the data, if it was told."""
        return self._kept.fingerprint

    def report(self, *told: Any, **named: Any) -> None:
        """As any trial does."""
        if self._order is not None and next(self._left) == 0:
            self.orders.give(self._order, "as the local trial was made")
        super().report(*told, **named)

    def resumed(self, **more: Any) -> "LocalTrial":
        """The trial that goes on from this one's last checkpoint."""
        step, file = self.checkpoints[-1]
        again = LocalTrial(self.params, seed=self.seed, resume=Resume(step, file.path), **more)
        # The checkpoint lies in this one's folder, which must live as long.
        again._before = self
        return again

    _before: Trial | None = None
