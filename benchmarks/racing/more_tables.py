"""More tables to race on, so that nothing need be tuned on those that judge.

`python -m benchmarks.racing.more_tables FOLDER [--only NAME ...] [--seed 100]`

Trains 1,024 configurations of a small network for 50 epochs on each of twelve sets of data that scikit-learn brings or
makes, in some seven minutes with one core, and writes a table for each. Then: `python -m benchmarks.quality --tables
FOLDER`. Learning rate, momentum, decays, penalty, dropout, batch size and optimizer are decoded as `benchmarks/curves`
has them. Another seed makes other tables.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import qmc
from sklearn import datasets

from benchmarks.racing.table import BATCHES
from benchmarks.racing.together import Data, Settings, Together

CONFIGURATIONS = 1024
EPOCHS = 50
TRAINED = 0.7
ADAM = 0.5

Raw = tuple[np.ndarray, np.ndarray]
Make = Callable[[np.random.Generator], Raw]


def _noisy_digits(chance: np.random.Generator) -> Raw:
    inputs, targets = datasets.load_digits(return_X_y=True)
    some = chance.permutation(len(inputs))[:900]
    inputs, targets = inputs[some], targets[some].copy()
    wrong = chance.random(len(targets)) < 0.1
    targets[wrong] = chance.integers(0, 10, wrong.sum())
    return inputs, targets


def _drawn(make: Callable[..., Any], *arguments: int, useless: int = 0, **options: float) -> Make:
    """Data of scikit-learn's, drawn by chance, with inputs besides that tell nothing."""

    def drawn(chance: np.random.Generator) -> Raw:
        inputs, targets = make(*arguments, **options, random_state=int(chance.integers(2**31)))
        return np.c_[inputs, chance.normal(size=(len(inputs), useless))], targets

    return drawn


def _teacher(chance: np.random.Generator) -> Raw:
    inputs = chance.normal(size=(1000, 16))
    first, second = chance.normal(size=(16, 24)) / 4, chance.normal(size=24)
    return inputs, np.sin(2 * inputs @ first) @ second + chance.normal(size=1000) * 0.5


def _clouds(chance: np.random.Generator) -> Raw:
    targets = chance.integers(0, 8, 1100)
    return chance.normal(size=(8, 30))[targets] * 0.9 + chance.normal(size=(1100, 30)) * 1.6, targets


def _wine(chance: np.random.Generator) -> Raw:  # noqa: ARG001  # it is what it is
    found: Raw = datasets.load_wine(return_X_y=True)
    return found


_FIVE = _drawn(datasets.make_classification, 1200, 25, n_informative=8, n_classes=5, flip_y=0.05)
_TWO = _drawn(datasets.make_classification, 600, 40, n_informative=6, n_clusters_per_class=4, flip_y=0.1)
SETS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "friedman1": (_drawn(datasets.make_friedman1, 900, 10, noise=2.0), (32, 32)),
    "friedman2": (_drawn(datasets.make_friedman2, 700, noise=60.0), (24,)),
    "friedman3": (_drawn(datasets.make_friedman3, 600, noise=0.15), (32, 16)),
    "five": (_FIVE, (48,)),
    "five_deep": (_FIVE, (32, 32, 32)),
    "two": (_TWO, (32, 32)),
    "moons": (_drawn(datasets.make_moons, 500, noise=0.3, useless=6), (32, 16)),
    "noisy_digits": (_noisy_digits, (40,)),
    "teacher": (_teacher, (48,)),
    "clouds": (_clouds, (32,)),
    "swiss": (_drawn(datasets.make_swiss_roll, 800, noise=0.4, useless=5), (32, 32)),
    "wine": (_wine, (24,)),
}


def table(name: str, seed: int) -> dict[str, Any]:
    """A table: `u` where the configurations lie, `val` their losses by epoch, `n` how many were learned from."""
    make, hidden = SETS[name]
    learned, held = _split(make, np.random.default_rng(seed))
    outs = 1 if learned.classes is None else learned.classes
    places = qmc.Sobol(8, scramble=True, seed=seed).random(CONFIGURATIONS)
    losses = np.full((CONFIGURATIONS, EPOCHS), np.nan)
    sizes = np.clip((places[:, 6] * len(BATCHES)).astype(int), 0, len(BATCHES) - 1)
    for adam in (False, True):
        for size, batch in enumerate(BATCHES):
            which = np.flatnonzero((sizes == size) & ((places[:, 7] >= ADAM) == adam))
            widths = (learned.inputs.shape[1], *hidden, outs)
            together = Together(_settings(places[which]), widths, adam=adam, seed=seed, classes=learned.classes)
            for epoch in range(EPOCHS):
                together.epoch(learned, int(batch), epoch)
                losses[which, epoch] = together.losses(held)
    losses[~np.isfinite(losses)] = np.nan
    return {"u": places, "val": losses, "n": len(learned.targets)}


def _split(make: Make, chance: np.random.Generator) -> tuple[Data, Data]:
    inputs, targets = make(chance)
    number = targets.dtype.kind == "f"
    inputs = (inputs - inputs.mean(0)) / (inputs.std(0) + 1e-9)
    order = chance.permutation(len(inputs))
    learned, held = np.split(order, [int(TRAINED * len(order))])
    if number:
        targets = (targets - targets[learned].mean()) / targets[learned].std()
    told = torch.tensor(targets, dtype=torch.float32 if number else torch.long)
    whole = Data(torch.tensor(inputs, dtype=torch.float32), told, None if number else int(targets.max()) + 1)
    return whole.taken(learned), whole.taken(held)


def _settings(places: np.ndarray) -> Settings:
    return Settings(
        learning_rate=10 ** (-5 + 5 * places[:, 0]),
        momentum=1 - 10 ** (-2 * places[:, 1]),
        decay=1 - 10 ** (-4 + 3.5 * places[:, 2]),
        weight_decay=10 ** (-6 + 5 * places[:, 3]),
        penalty=10 ** (-7 + 5 * places[:, 4]),
        dropout=0.7 * places[:, 5],
    )


def main() -> None:
    """Train, and say how far it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write the tables")
    parser.add_argument(
        "--only", nargs="+", choices=sorted(SETS), default=list(SETS), metavar="NAME", help=", ".join(SETS)
    )
    parser.add_argument("--seed", type=int, default=100, help="of data, splits and configurations (100)")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for place, name in enumerate(arguments.only, start=1):
        begin = time.monotonic()
        # Each has configurations of its own: with the same ones luck on one table would be luck on all.
        made = table(name, arguments.seed + list(SETS).index(name))
        np.savez_compressed(arguments.folder / f"{name}.npz", **made)
        print(f"{place} of {len(arguments.only)}: {name}, {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
