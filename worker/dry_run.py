"""`basin worker --dry-run`: one trial through the real process, without a server, and what would be reported of it."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from service.wire.message import Scalar
from service.wire.study import StudyDefinition
from worker.attempt import Process, Starter
from worker.messages import Ended, Reported, Saved, Started, Task
from worker.slots import Slot
from worker.views import clean

_FAILED = 1


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is to be tried."""

    trainer: str
    params: Mapping[str, Scalar]
    settings: Mapping[str, Any]
    metric: str
    metrics: tuple[str, ...]
    direction: str
    seed: int

    @classmethod
    def of(
        cls, trainer: str, params: Mapping[str, Scalar], study: StudyDefinition | None, metric: str | None, seed: int
    ) -> "Trial":
        """A trial of a study, or of none: then its metric is named, or called loss."""
        if study is None:
            name = metric or "loss"
            return cls(
                trainer=trainer,
                params=params,
                settings={},
                metric=name,
                metrics=(name,),
                direction="minimize",
                seed=seed,
            )
        objective = study.objectives[0]
        return cls(
            trainer=trainer,
            params=params,
            settings=dict(study.trainer.settings) if study.trainer else {},
            metric=objective.metric,
            metrics=tuple(one.metric for one in study.objectives),
            direction=objective.direction,
            seed=seed,
        )


async def run(trial: Trial, slot: Slot, start: Starter, out: TextIO, parent: Path | None = None) -> int:
    """Run it and print what comes; answers the exit code: 0 if it ended well."""
    with tempfile.TemporaryDirectory(prefix="basin-dry-run-", dir=parent) as folder:
        process = await start(_task(trial, folder), slot)
        try:
            return await _follow(process, trial, lambda text: _print(out, text))
        finally:
            await process.end(term=0.0)


def _task(trial: Trial, folder: str) -> Task:
    return Task(
        study="dry-run",
        trial=0,
        attempt=1,
        trainer=trial.trainer,
        settings=trial.settings,
        params=trial.params,
        seed=trial.seed,
        metric=trial.metric,
        direction="maximize" if trial.direction == "maximize" else "minimize",
        metrics=trial.metrics,
        folder=folder,
    )


async def _follow(process: Process, trial: Trial, say: Callable[[str], None]) -> int:
    say(f"trainer   {trial.trainer}")
    for name, value in trial.params.items():
        say(f"param     {name} = {value!r}")
    missing = set(trial.metrics)
    ended: Ended | None = None
    async for message in process.messages():
        match message:
            case Started():
                say("started")
            case Reported():
                missing -= message.metrics.keys()
                say(f"step {message.step:<6} {_values(message.metrics)}   after {message.elapsed:.2f} s")
            case Saved():
                say(f"checkpoint at step {message.step}: {message.size} bytes")
            case Ended():
                ended = message
            case _:
                pass
    assert ended is not None, "it is always the last"
    return _told(ended, missing, process.log_tail, say)


def _told(ended: Ended, missing: set[str], log_tail: Callable[[], str], say: Callable[[str], None]) -> int:
    """Say how it ended; answers the exit code."""
    say(f"{ended.outcome:<9} {_values(ended.values or {})}")
    if ended.outcome == "failed":
        say(f"why       {ended.failure_class}: {ended.message}")
        for line in (ended.tail or log_tail()).splitlines()[-40:]:
            say(f"  | {line}")
        return _FAILED
    if ended.message:
        say(f"why       {ended.message}")
    if missing := missing - (ended.values or {}).keys():
        say(f"missing   {', '.join(sorted(missing))}: the study needs it, and it was neither reported nor returned")
        return _FAILED
    return 0


def _values(values: Mapping[str, float]) -> str:
    # A line would not hold the figures of health as well, of which a trainer may tell a dozen.
    return "  ".join(f"{name} {value:.6g}" for name, value in values.items() if not name.startswith("health."))


def _print(out: TextIO, text: str) -> None:
    out.write(clean(text) + "\n")
    out.flush()
