"""A table of learning curves that were really trained, and how long each epoch takes in virtual time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

BATCHES = np.array([16, 32, 64, 128, 256, 512])
RESUMING = 0.3
_BATCH_COLUMN = 6


@dataclass(frozen=True, slots=True)
class Table:
    """Configurations as rows: their places in the unit cube, their validation losses by epoch, the cost of an epoch."""

    name: str
    places: np.ndarray
    losses: np.ndarray
    costs: np.ndarray

    @property
    def epochs(self) -> int:
        """How many epochs a full training has."""
        return int(self.losses.shape[1])

    def mark(self, percent: float) -> float:
        """The loss that only the best so many percent of the configurations ever reach."""
        best = np.sort(self.losses.min(axis=1))
        return float(best[max(0, int(np.ceil(percent / 100 * len(best))) - 1)])


def load(path: Path) -> Table:
    """Read a table: `u` (rows, parameters), `val` (rows, epochs), `n` training samples. Diverged runs are capped."""
    with np.load(path, allow_pickle=False) as stored:
        places, losses, samples = stored["u"].astype(float), stored["val"].astype(float), int(stored["n"])
    cap = 1.5 * np.nanmedian(losses[:, 0])
    losses = np.where(np.isnan(losses) | (losses > cap), cap, losses)
    batch = BATCHES[np.clip((places[:, _BATCH_COLUMN] * len(BATCHES)).astype(int), 0, len(BATCHES) - 1)]
    costs = np.maximum(1, samples // batch) * (1 + batch / 128) / (samples / 64 * 1.5)
    return Table(path.stem, places, losses, costs)
