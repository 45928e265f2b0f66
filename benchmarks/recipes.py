"""What the built-in recipes come to: each with its defaults, over seeds that draw the split, the weights and the order.

`python -m benchmarks.recipes [--seeds 5] [--strict] [--quick]`

No download, no server, one core. A figure is of the validation part; beside it stands what a guess comes to, and the
processor time of one training. The bars are what each recipe must reach in the median.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from benchmarks import bars
from benchmarks.bars import Outcome
from trainers import chosen, registry
from trainers.data import catalog
from trainers.data.catalog import DIMENSIONS
from trainers.data.dataset import IGNORED
from trainers.local import LocalTrial

SEEDS = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """A recipe with its settings, and what it must reach."""

    name: str
    recipe: str
    metric: str
    bound: float
    settings: Mapping[str, Any] = field(default_factory=dict)


ENTRIES = (
    Entry("digits-mlp", "digits-mlp", "val_accuracy", 0.95),
    Entry("digits-cnn", "digits-cnn", "val_accuracy", 0.98),
    Entry("table-mlp: wine", "table-mlp", "val_accuracy", 0.92, {"data": "wine"}),
    Entry("table-mlp: breast-cancer", "table-mlp", "val_accuracy", 0.93, {"data": "breast-cancer"}),
    Entry("table-mlp: iris", "table-mlp", "val_accuracy", 0.9, {"data": "iris"}),
    Entry("table-mlp: friedman", "table-mlp", "val_r2", 0.9, {"data": "friedman"}),
    Entry("table-mlp: diabetes, lambda 0.01", "table-mlp", "val_r2", 0.3, {"data": "diabetes", "lambda": 0.01}),
    Entry("images-cnn: digits", "images-cnn", "val_accuracy", 0.97),
    Entry("char-lm: decoder", "char-lm", "val_loss", 2.6),
    Entry("char-lm: LSTM", "char-lm", "val_loss", 2.6, {"model": "lstm"}),
    Entry("sequences: adding, GRU", "sequences", "val_r2", 0.99),
    Entry("sequences: adding, LSTM both ways", "sequences", "val_r2", 0.99, {"model": "lstm", "bidirectional": True}),
    Entry(
        "sequences: copy, encoder",
        "sequences",
        "val_accuracy",
        0.99,
        {"data": "copy", "model": "encoder", "learning_rate": 3e-3},
    ),
    Entry("rings-gan", "rings-gan", "energy_distance", 0.03),
    Entry("rings-gan: modes of eight", "rings-gan", "modes", 8),
    Entry("digits-gan", "digits-gan", "frechet_distance", 20),
)
_GUESSED = ("val_accuracy", "val_loss")
_SMALL_IS_GOOD = ("val_loss", "energy_distance", "frechet_distance")


def run(arguments: argparse.Namespace) -> Outcome:
    """Train each of them with each seed."""
    torch.set_num_threads(1)
    seeds = 1 if arguments.quick else arguments.seeds
    outcome = Outcome(f"recipes with their defaults, {seeds} seeds, one core")
    for entry in ENTRIES:
        found, seconds = [], []
        for seed in range(seeds):
            begin = time.process_time()
            settings = {"split_seed": seed, **entry.settings, **({"epochs": 1} if arguments.quick else {})}
            trial = LocalTrial({}, seed=seed, settings=settings)
            found.append(registry.find(entry.recipe)(trial)[entry.metric])
            seconds.append(time.process_time() - begin)
        figure = outcome.figure(f"{entry.name}: {entry.metric}", "", found)
        if entry.metric in _GUESSED:
            outcome.figure(f"{entry.name}: a guess", "", [_guess(entry)])
        outcome.figure(f"{entry.name}: training", "CPU s", seconds)
        if entry.metric in _SMALL_IS_GOOD:
            outcome.bar(entry.name, figure.median, at_most=entry.bound)
        else:
            outcome.bar(entry.name, figure.median, at_least=entry.bound)
    return outcome


def _guess(entry: Entry) -> float:
    """What knowing how frequent each class is comes to: the share of the most frequent, or the entropy."""
    own = {name: value for name, value in entry.settings.items() if name in {one.name for one in DIMENSIONS}}
    name = {"digits-mlp": "digits", "digits-cnn": "digits", "images-cnn": "digits", "char-lm": "python-docs"}.get(
        entry.recipe
    )
    more = {"characters": 200_000} if entry.recipe == "char-lm" else {}
    given = chosen.Chosen(DIMENSIONS, {**more, **own})
    targets = catalog.load(name or str(entry.settings["data"]), given).validation.targets.flatten()
    shares = torch.bincount(targets[targets != IGNORED]).double() / (targets != IGNORED).sum()
    entropy = float(-(shares * shares.clamp(min=1e-12).log()).sum())
    return entropy if entry.metric == "val_loss" else float(shares.max())


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds")


if __name__ == "__main__":
    bars.main(run, options=_options)
