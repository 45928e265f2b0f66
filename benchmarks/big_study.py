"""A study as a GPU team has it: ten thousand trials of up to a hundred points, cut at rungs, some of them running."""

import asyncio
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from service.domain.decision import Decision
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Point, Trial
from service.store.sql import SqlStore
from service.usecases import studies
from service.usecases.ports import Transaction
from service.wire.lease import Directive
from service.wire.study import StudyDefinition
from service.wire.trial import Failure, TrialState

NAME = "llm-350m-pretrain"
STEPS = 100
RUNGS = tuple(range(10, 100, 10))
PARAMETERS: dict[str, Any] = {
    "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
    "weight_decay": {"type": "float", "low": 1e-6, "high": 0.01, "log": True},
    "depth": {"type": "int", "low": 2, "high": 24},
    "dropout": {"type": "float", "low": 0.0, "high": 0.6},
    "optimizer": {"type": "categorical", "choices": ["adamw", "lion", "sgd"]},
    "warmup": {"type": "int", "low": 0, "high": 2000},
}
_AT_ONCE = 250
_GPUS = 24
_STEP_SECONDS = 18.0


@dataclass(slots=True)
class Past:
    """A trial and what became of it."""

    params: dict[str, Any]
    curve: list[float] = field(default_factory=list)
    state: TrialState = "completed"
    decisions: list[tuple[int, int, float, float, int]] = field(default_factory=list)


def definition() -> StudyDefinition:
    """The study."""
    return StudyDefinition.model_validate(
        {
            "name": NAME,
            "objectives": [{"metric": "val_loss"}],
            "space": PARAMETERS,
            "sampler": "tpe",
            "scheduler": {"type": "asha", "mode": "stop", "reduction_factor": 3, "min_resource": 10},
            "budget": {"max_trials": 12_000},
            "seed": 5,
        }
    )


def pasts(count: int, seed: int = 5) -> Iterator[Past]:
    """Trials one after another; each is compared at the rungs with those before."""
    chance = random.Random(seed)
    seen: dict[int, list[float]] = {rung: [] for rung in RUNGS}
    for number in range(count):
        params = _point(chance)
        floor = 0.23 + _badness(params) + abs(chance.gauss(0, 0.02))
        past = Past(params)
        limit = chance.randint(1, STEPS - 1) if number >= count - _GPUS else STEPS
        for step in range(1, limit + 1):
            past.curve.append(floor + (1.4 + floor) * math.exp(-step / 14) + chance.gauss(0, 0.01))
            if step in seen and _cut(past, step, seen[step]):
                past.state = "pruned"
                break
        if number >= count - _GPUS and past.state == "completed":
            past.state = "running"
        elif chance.random() < 0.02:
            past.state = "failed"
            if chance.random() < 0.3:
                past.curve[-1] = chance.choice([math.nan, 1e12])
        yield past


def _point(chance: random.Random) -> dict[str, Any]:
    return {
        "lr": 10 ** min(-1, max(-5, chance.gauss(-3, 0.7))),
        "weight_decay": 10 ** chance.uniform(-6, -2),
        "depth": chance.randint(2, 24),
        "dropout": max(0.0, min(0.6, chance.gauss(0.15, 0.12))),
        "optimizer": chance.choice(["adamw", "adamw", "lion", "sgd"]),
        "warmup": chance.randint(0, 2000),
    }


def _badness(params: dict[str, Any]) -> float:
    far = (math.log10(params["lr"]) + 3) ** 2 / 6 + (math.log10(params["weight_decay"]) + 4) ** 2 / 60
    return far + (params["dropout"] - 0.15) ** 2 + {"adamw": 0.0, "lion": 0.02, "sgd": 0.12}[params["optimizer"]]


def _cut(past: Past, step: int, before: list[float]) -> bool:
    value = past.curve[-1]
    before.append(value)
    if len(before) < 9:
        return False
    # The cut moves as trials come: the one of this moment is what is written down.
    sample = sorted(before[-300:])
    cut = sample[int(len(sample) * (0.88 if step > 10 else 0.6))]
    rank = sum(one <= value for one in sample)
    past.decisions.append((RUNGS.index(step), step, value, cut, rank))
    return value > cut


def fill(store: SqlStore, count: int) -> None:
    """Write the study with so many trials."""

    async def scene() -> None:
        study = await store.write(lambda tx: studies.create(tx, definition(), seed=5))
        known = list(pasts(count))
        for place in range(0, count, _AT_ONCE):
            chunk = list(enumerate(known[place : place + _AT_ONCE], start=place))
            await store.write(partial(_add, study=study, chunk=chunk, of=count))

    asyncio.run(scene())


def _add(tx: Transaction, study: Study, chunk: list[tuple[int, Past]], of: int) -> None:
    for number, past in chunk:
        ends = tx.now - timedelta(seconds=(of - number) * _STEP_SECONDS * STEPS / _GPUS / 2)
        starts = ends - timedelta(seconds=len(past.curve) * _STEP_SECONDS)
        done = past.state == "completed"
        running = past.state == "running"
        crash = Failure.model_validate({"class": "crash", "message": "CUDA error"})
        trial = tx.trials.add(
            Trial(
                study_id=study.id,
                number=0,
                state=past.state,
                origin="sampled",
                params=past.params,
                values={"val_loss": past.curve[-1]} if done else None,
                token=1,
                attempts=1,
                failure=crash if past.state == "failed" else None,
                created_at=starts,
                started_at=starts,
                finished_at=None if running else ends,
            )
        )
        key = AttemptKey(study.id, trial.number, 1)
        tx.attempts.add(
            Attempt(
                key=key,
                token=1,
                state=past.state if past.state in {"completed", "pruned", "failed"} else "running",
                worker=f"dgx-0{number % _GPUS // 6}/gpu{number % 6}",
                granted_at=starts,
                expires_at=tx.now + timedelta(days=1),
                ended_at=None if running else ends,
                acked_seq=len(past.curve),
                last_step=len(past.curve),
                last_metrics={"val_loss": past.curve[-1]},
                gpu_seconds=len(past.curve) * _STEP_SECONDS,
                directive=Directive(type="stop", reason="cut at a rung", id=1) if past.state == "pruned" else None,
            )
        )
        tx.points.append(
            [
                Point(key=key, seq=step, step=step, metrics=_metrics(step, value), elapsed=taken, cost=taken)
                for step, value in enumerate(past.curve, start=1)
                for taken in [step * _STEP_SECONDS]
            ]
        )
        tx.decisions.append(
            [
                Decision(
                    key=key,
                    step=step,
                    act="stop" if value > cut else "continue",
                    reason=f"{value:.4g} > {cut:.4g}" if value > cut else None,
                    basis={"rung": rung, "step": step, "value": value, "cut": cut, "rank": rank, "n": 300},
                    at=starts + timedelta(seconds=step * _STEP_SECONDS),
                )
                for rung, step, value, cut, rank in past.decisions
            ]
        )


def _metrics(step: int, value: float) -> dict[str, float]:
    return {"val_loss": value, "grad_norm": 1.0 + 5 / step}
