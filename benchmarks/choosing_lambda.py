"""Ways to choose lambda: what each of them chose, what that is worth on data nobody saw, and how much training it took.

`python -m benchmarks.choosing_lambda [--rounds 5] [--strict] [--quick]`

A server and a worker as anybody runs them; the trainer is table-mlp on scikit-learn's diabetes data, with L1. A
round splits the data anew and runs the same studies. A lambda is judged by training once with it on the part that the
studies learned from, and by the mean square on the sealed part; 1 is what guessing the mean comes to.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks import bars
from benchmarks.bars import Outcome
from benchmarks.talk import Talk
from service.cli import one_se
from tests.acceptance.server_process import ServerProcess
from tests.acceptance.worker_process import worker
from trainers import chosen, supervised
from trainers.data import catalog
from trainers.local import LocalTrial
from trainers.models.catalog import MODELS
from trainers.recipes import table_mlp

ROUNDS = 5
FOLDS = 5
DATA: Mapping[str, Any] = {"data": "diabetes", "learning_rate": 0.01, "weight_decay": 0.0}
PRIMERS = [1e-7, 1e-6, 1e-5, 1e-4, 1e-3]
WIDE = [1e-4, 1e-3, 3e-3, 1e-2, 2e-2, 3e-2, 6e-2, 1e-1]
_LOG = {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}
_WILCOXON = {"type": "wilcoxon", "p_threshold": 0.1, "startup_steps": 2}
_MEDIAN = {"type": "median", "startup_trials": 3}


@dataclass(frozen=True, slots=True)
class Way:
    """A study that looks for lambda."""

    name: str
    space: Mapping[str, Any]
    sampler: str = "grid"
    scheduler: Any = "none"
    folds: int = FOLDS
    trials: int = 100

    @property
    def metric(self) -> str:
        """The mean of the folds so far; Wilcoxon's test compares each fold's own, of which the study takes the mean."""
        return "fold_val_loss" if self.scheduler is _WILCOXON else "val_loss"

    def definition(self, round_: int, epochs: int) -> dict[str, Any]:
        """As it is sent to a server."""
        reading = {"value": "mean_last", "last_k": self.folds} if self.scheduler is _WILCOXON else {}
        settings = {**DATA, "cv_folds": self.folds, "epochs": epochs, "split_seed": round_}
        return {
            "name": f"{self.name} {round_}",
            "objectives": [{"metric": self.metric, "direction": "minimize", **reading}],
            "space": {"lambda": self.space},
            "sampler": self.sampler,
            "scheduler": self.scheduler,
            "budget": {"max_trials": self.trials},
            "seed": round_,
            "trainer": {"name": "table-mlp", "settings": settings},
        }


def _grid(values: Sequence[float]) -> dict[str, Any]:
    return {"type": "ordinal", "values": list(values)}


WAYS = (
    Way("the primers' grid, one split", _grid(PRIMERS), folds=1),
    Way("a wide grid, one split", _grid(WIDE), folds=1),
    Way("a wide grid, 5 folds", _grid(WIDE)),
    Way("the same, pruned by wilcoxon", _grid(WIDE), scheduler=_WILCOXON),
    Way("the same, pruned by median", _grid(WIDE), scheduler=_MEDIAN),
    Way("Bayesian, pruned by median", _LOG, sampler="gp", scheduler=_MEDIAN, trials=12),
)
ONE_SE = "the same, one-SE"


@dataclass(frozen=True, slots=True)
class Found:
    """What a way came to in one round."""

    strength: float
    trainings: int
    test: float


def run(arguments: argparse.Namespace) -> Outcome:
    """Run all studies, then judge what they chose."""
    torch.set_num_threads(1)
    rounds, epochs = (1, 3) if arguments.quick else (arguments.rounds, 30)
    outcome = Outcome(f"choosing lambda, diabetes by an MLP with L1, {rounds} rounds")
    with tempfile.TemporaryDirectory(prefix="basin-bench-") as name:
        folder = Path(name)
        with ServerProcess(f"sqlite:///{folder}/basin.db", folder, log_level="warning") as server:
            found = asyncio.run(_found(server, folder, rounds, epochs))
    none = [_judged(0.0, round_, epochs) for round_ in range(rounds)]
    outcome.figure("no penalty: mean square on sealed data", "", none)
    for way, results in found.items():
        outcome.figure(f"{way}: lambda", "", [one.strength for one in results])
        outcome.figure(f"{way}: trainings", "", [one.trainings for one in results])
        outcome.figure(f"{way}: mean square on sealed data", "", [one.test for one in results])
    best = statistics.median(one.test for one in found[ONE_SE])
    outcome.bar("one-SE against no penalty, median", best / statistics.median(none), at_most=0.95, unit="x")
    full, pruned = found[WAYS[2].name], found[WAYS[4].name]
    share = sum(one.trainings for one in pruned) / sum(one.trainings for one in full)
    outcome.bar("trainings that pruning by the median leaves", share, at_most=0.9, unit="x")
    return outcome


async def _found(server: ServerProcess, folder: Path, rounds: int, epochs: int) -> dict[str, list[Found]]:
    talk = await Talk.to(server.port)
    for round_ in range(rounds):
        for way in WAYS:
            await talk.post("/v1/studies", way.definition(round_, epochs))
    async with worker(
        folder, "--server", server.address, "--trainer", "table-mlp", "--exit-when-idle", "10s"
    ) as process:
        assert await process.ended(3_600) == 0, process.said
    found: dict[str, list[Found]] = {}
    for round_ in range(rounds):
        for way in WAYS:
            trials = await _trials(talk, f"{way.name} {round_}")
            trainings = sum(max(one["last_step"] or 0, 0) for one in trials) if way.folds > 1 else len(trials)
            done = [one for one in trials if one["state"] == "completed"]
            best = min(done, key=lambda one: float(one["values"][way.metric]))
            strengths = {way.name: best["params"]["lambda"]}
            if way is WAYS[2]:
                objective = {"metric": way.metric, "direction": "minimize"}
                choice = one_se.choose(done, objective, "lambda")
                assert choice is not None, "its trials have completed"
                strengths[ONE_SE] = choice.trial["params"]["lambda"]
            for name, strength in strengths.items():
                test = await asyncio.to_thread(_judged, strength, round_, epochs)
                found.setdefault(name, []).append(Found(strength, trainings, test))
    talk.close()
    return found


async def _trials(talk: Talk, study: str) -> list[dict[str, Any]]:
    path = f"/v1/studies/{study.replace(' ', '%20')}/trials?page_size=200"
    found: list[dict[str, Any]] = (await talk.get(path))["trials"]
    return found


def _judged(strength: float, round_: int, epochs: int) -> float:
    """Train once with a lambda, and judge by the sealed part."""
    settings = {**DATA, "epochs": epochs, "split_seed": round_}
    trial = LocalTrial({"lambda": strength}, settings=settings)
    given = chosen.read(table_mlp.DIMENSIONS, params=trial.params, settings=settings, log=trial.log)
    name = given.text("data")
    data = replace(catalog.load(name, given), validation=catalog.sealed(name, given))
    return supervised.learn(trial, given, MODELS["mlp"], data).figures["val_loss"]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often the data are split anew")


if __name__ == "__main__":
    bars.main(run, options=_options)
