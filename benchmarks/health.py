"""Whether training health tells in four epochs which trainings are hopeless, and what watching costs.

`python -m benchmarks.health [--trials 200] [--seed 0] [--strict] [--quick]`

Random configurations of `digits-mlp`: depth, learning rate, activation, initial weights, optimizer and dropout from a
space much wider than anybody should search. Each is trained as a worker trains it. What was given up is trained again
with `health: false`, to its end: that says what would have become of it. Bad is what ends below 0.90 accuracy.
"""

import argparse
import math
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks.bars import Outcome, main
from trainers.api import Failed, Stop
from trainers.data.dataset import Part
from trainers.health.watch import Watch
from trainers.local import LocalTrial
from trainers.recipes import digits_mlp

EPOCHS, EARLY = 15, 4
GOOD = 0.90
Params = dict[str, bool | int | float | str | None]


@dataclass(frozen=True)
class Ran:
    """A configuration: when and why it was given up, and what became of it that was not."""

    epoch: int | None
    reason: str
    accuracy: float

    @property
    def early(self) -> bool:
        """Whether it was given up in time."""
        return self.epoch is not None and self.epoch <= EARLY

    @property
    def good(self) -> bool:
        """Whether it would have come to something."""
        return self.accuracy >= GOOD


def drawn(chance: random.Random) -> Params:
    """One configuration."""

    def log(low: float, high: float) -> float:
        return math.exp(chance.uniform(math.log(low), math.log(high)))

    return {
        "activation": chance.choice(["relu", "tanh", "sigmoid"]),
        "layers": chance.randint(1, 8),
        "hidden": 128,
        "learning_rate": log(3e-6, 3.0),
        "init": "xavier_uniform",
        # PyTorch's own weights have a third of the variance of these.
        "init_gain": log(0.3, 4.0) / math.sqrt(3),
        "optimizer": chance.choice(["sgd", "adamw"]),
        "dropout": chance.choice([0.0, 0.2, 0.5]),
        "epochs": EPOCHS,
        # So that an epoch has twenty steps.
        "test_share": 0.1,
    }


def ran(params: Params, seed: int) -> Ran:
    """Train a configuration, and once more to its end if it was given up."""
    watched = LocalTrial(params, seed=seed)
    try:
        return Ran(None, "", digits_mlp.train(watched)["val_accuracy"])
    except (Failed, Stop) as end:
        epoch, reason = watched.points[-1][0], str(end)
    freely = LocalTrial(params, seed=seed, settings={"health": False})
    try:
        return Ran(epoch, reason, digits_mlp.train(freely)["val_accuracy"])
    except FloatingPointError:
        return Ran(epoch, reason, 0.0)


def cost(rounds: int) -> list[float]:
    """What watching takes of an epoch, in milliseconds: a step, one batch of evaluation, the figures, the verdict."""
    chance = torch.Generator().manual_seed(0)
    inputs, labels = torch.rand(1280, 64, generator=chance), torch.randint(10, (1280,), generator=chance)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    watch = Watch(model, cross_entropy, Part(inputs, labels), Part(inputs[:360], labels[:360]))
    torch.autograd.backward(cross_entropy(model(inputs[:64]), labels[:64]))
    found = []
    for _ in range(rounds):
        begun = time.process_time()
        with watch.step(optimizer):
            pass
        with watch.evaluation(), torch.no_grad():
            model(inputs[:360])
        seen = watch.look()
        host = dict(zip(seen, torch.stack(list(seen.values())).tolist(), strict=True))
        watch.judge(host, batch_loss=2.3, steps=20)
        watched = time.process_time()
        with torch.no_grad():
            model(inputs[:360])
        found.append((watched - begun - (time.process_time() - watched)) * 1e3)
    return found


def run(arguments: argparse.Namespace) -> Outcome:
    """Train them all."""
    torch.set_num_threads(1)
    count = 20 if arguments.quick else arguments.trials
    chance = random.Random(arguments.seed)
    outcome = Outcome(f"{count} random configurations of digits-mlp, {EPOCHS} epochs, seed {arguments.seed}")
    trials = [ran(drawn(chance), seed) for seed in range(count)]
    ended = [one for one in trials if one.early]
    bad, good = [one for one in trials if not one.good], [one for one in trials if one.good]
    killed = [one for one in good if one.early]
    right = len(ended) - len(killed)
    saved = sum(EPOCHS - (one.epoch or EPOCHS) for one in ended) / (EPOCHS * count)
    outcome.figure("end below 0.90", "trials", [len(bad)])
    outcome.figure("given up by epoch 4", "trials", [len(ended)])
    outcome.figure("good ones among them", "trials", [len(killed)])
    outcome.figure("best of these", "accuracy", [max((one.accuracy for one in killed), default=math.nan)])
    outcome.figure("best of all", "accuracy", [max(one.accuracy for one in trials)])
    outcome.figure("given up later", "trials", [sum(one.epoch is not None and not one.early for one in trials)])
    for disease, number in Counter(one.reason.partition(":")[0] for one in ended).most_common():
        wrong = sum(one.reason.startswith(disease) for one in killed)
        outcome.figure(f"  {disease} ({wrong} good)", "trials", [number])
    watching = outcome.figure("watching", "ms an epoch", cost(50 if arguments.quick else 500))
    outcome.bar("precision", right / max(len(ended), 1), at_least=0.99)
    outcome.bar("recall", right / max(len(bad), 1), at_least=0.85)
    outcome.bar("epochs saved", 100 * saved, at_least=50, unit="%")
    outcome.bar("watching", statistics.median(watching.rounds), at_most=1.5, unit="ms an epoch")
    return outcome


def options(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--trials", type=int, default=200, help="configurations to train (200)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (0)")


if __name__ == "__main__":
    main(run, options=options)
