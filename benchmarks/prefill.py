"""Studies that have come far already: the same finished trials in our store and in Optuna's."""

import asyncio
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Point, Trial
from service.search.pool.rungs import SHOWN
from service.store.sql import SqlStore
from service.usecases import studies
from service.usecases.ports import Transaction
from service.wire.study import StudyDefinition

SPACE: dict[str, Any] = {
    "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
    "decay": {"type": "float", "low": 1e-6, "high": 0.01, "log": True},
    "dropout": {"type": "float", "low": 0.0, "high": 0.6},
    "smoothing": {"type": "float", "low": 0.0, "high": 0.3},
    "momentum": {"type": "float", "low": 0.5, "high": 0.99},
}
DISTRIBUTIONS: dict[str, BaseDistribution] = {
    name: FloatDistribution(one["low"], one["high"], log=one.get("log", False)) for name, one in SPACE.items()
}
# Where ASHA decides, counted in steps.
RUNGS = (1, 4, 16)
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Past:
    """A trial that has finished."""

    params: dict[str, float]
    curve: Sequence[float] = field(default_factory=list)

    @property
    def value(self) -> float:
        """Its result."""
        return self.curve[-1]

    @property
    def rungs(self) -> list[float]:
        """Its values where decisions fall."""
        return [self.curve[step - 1] for step in RUNGS if step <= len(self.curve)]


def loss(params: dict[str, float]) -> float:
    """How bad a point is."""
    return (math.log10(params["lr"]) + 3) ** 2 / 4 + (params["dropout"] - 0.2) ** 2 + params["smoothing"]


def pasts(count: int, points: int, seed: int = 1) -> Iterator[Past]:
    """Finished trials at random points."""
    chance = random.Random(seed)
    for _ in range(count):
        params = {
            name: math.exp(chance.uniform(math.log(one["low"]), math.log(one["high"])))
            if one.get("log")
            else chance.uniform(one["low"], one["high"])
            for name, one in SPACE.items()
        }
        yield Past(params, [loss(params) + 1 / step + chance.gauss(0, 0.01) for step in range(1, max(points, 1) + 1)])


def definition(name: str, **fields: Any) -> StudyDefinition:
    """A study over the space."""
    filled = {"name": name, "objectives": [{"metric": "loss"}], "space": SPACE, "seed": 1, **fields}
    return StudyDefinition.model_validate(filled)


async def fill(store: SqlStore, study: StudyDefinition, count: int, *, points: int = 0) -> None:
    """Create a study with so many finished trials, with or without the points of their curves."""
    made = await store.write(lambda tx: studies.create(tx, study, seed=1))
    trials = list(pasts(count, points))
    for place in range(0, count, _AT_ONCE):
        chunk = trials[place : place + _AT_ONCE]
        await store.write(partial(_add, study=made, chunk=chunk, with_points=points > 0))


def filled(store: SqlStore, *wanted: tuple[StudyDefinition, int, int]) -> None:
    """Create several studies: the definition of each, how many trials, and how many points a trial."""

    async def scene() -> None:
        for study, count, points in wanted:
            await fill(store, study, count, points=points)

    asyncio.run(scene())


def peers(count: int, points: int) -> list[FrozenTrial]:
    """The same trials as Optuna has them."""
    return [
        create_trial(
            state=TrialState.COMPLETE,
            params=past.params,
            distributions=DISTRIBUTIONS,
            value=past.value,
            intermediate_values=dict(enumerate(past.curve, start=1)) if points else {},
            system_attrs={f"completed_rung_{rung}": value for rung, value in enumerate(past.rungs)},
        )
        for past in pasts(count, points)
    ]


def peers_at_work(count: int) -> list[FrozenTrial]:
    """Trials of Optuna's that others train at the moment."""
    return [
        create_trial(state=TrialState.RUNNING, params=past.params, distributions=DISTRIBUTIONS)
        for past in pasts(count, 0, seed=2)
    ]


def _add(tx: Transaction, study: Study, chunk: Sequence[Past], with_points: bool) -> None:
    for past in chunk:
        trial = tx.trials.add(
            Trial(
                study_id=study.id,
                number=0,
                state="completed",
                origin="added",
                params=past.params,
                values={"loss": past.value},
                system={SHOWN: [[value] for value in past.rungs]},
                attempts=1 if with_points else 0,
                created_at=tx.now,
                started_at=tx.now,
                finished_at=tx.now,
            )
        )
        if with_points:
            _add_curve(tx, AttemptKey(study.id, trial.number, 1), past)


def _add_curve(tx: Transaction, key: AttemptKey, past: Past) -> None:
    tx.attempts.add(
        Attempt(
            key=key,
            token=0,
            state="completed",
            worker="elsewhere",
            granted_at=tx.now,
            expires_at=tx.now,
            ended_at=tx.now,
            acked_seq=len(past.curve),
            last_step=len(past.curve),
        )
    )
    tx.points.append(
        [Point(key=key, seq=step, step=step, metrics={"loss": value}) for step, value in enumerate(past.curve, start=1)]
    )
