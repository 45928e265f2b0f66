"""What runs at this moment: trials with how far they have come, and the machine and GPU that each is on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.domain.study import Study
from service.domain.trial import Attempt
from service.domain.worker import Worker
from service.usecases.leasing import horizon
from service.usecases.ports import Transaction

_MOST = 40
_POINTS = 40


class Places:
    """Where attempts run, by the names that people know: `dgx-01/gpu3`."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._gpus = {(worker.id, gpu.uuid): place for worker in workers for place, gpu in enumerate(worker.gpus)}
        self._names = {worker.id: worker.name for worker in workers}

    def of(self, attempt: Attempt | None) -> str:
        """The place of an attempt; nothing where there is none."""
        if attempt is None:
            return ""
        name = self._names.get(attempt.worker_id or "", attempt.worker)
        gpu = self._gpus.get((attempt.worker_id or "", attempt.gpu or ""))
        return name if gpu is None else f"{name}/gpu{gpu}"


@dataclass(frozen=True, slots=True)
class Run:
    """A trial that runs, the points that it has shown, and its rank among all that run at this moment."""

    number: int
    step: int | None
    value: float | None
    curve: Sequence[float]
    attempt: Attempt | None
    place: str


@dataclass(frozen=True, slots=True)
class Running:
    """Those that run, the best first, as many as are shown."""

    runs: Sequence[Run]
    all: int
    horizon: int | None


def running(tx: Transaction, study: Study, numbers: Sequence[int], workers: Sequence[Worker]) -> Running:
    """What runs of a study."""
    places, objective = Places(workers), study.definition.objectives[0]
    attempts = tx.attempts.current(study.id, numbers)
    sign = 1 if objective.direction == "minimize" else -1

    def key(number: int) -> tuple[bool, float, int]:
        value = latest(attempts.get(number), objective.metric)
        known = value is not None and not math.isnan(value)
        return not known, sign * value if known and value is not None else 0.0, number

    shown = sorted(numbers, key=key)[:_MOST]
    curves = tx.points.curves(study.id, shown, objective.metric)
    runs = [_run(number, attempts.get(number), curves, places, objective.metric) for number in shown]
    return Running(runs, len(numbers), horizon(study.definition))


def thinned(values: Sequence[float], most: int = _POINTS) -> Sequence[float]:
    """As many values as a small drawing shows, the last one always."""
    if len(values) <= most:
        return values
    return [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]


def latest(attempt: Attempt | None, metric: str) -> float | None:
    """The value that an attempt reported last."""
    return None if attempt is None or attempt.last_metrics is None else attempt.last_metrics.get(metric)


def _run(
    number: int,
    attempt: Attempt | None,
    curves: Mapping[int, Sequence[tuple[int, float]]],
    places: Places,
    metric: str,
) -> Run:
    curve = thinned([value for _, value in curves.get(number, ())])
    step = attempt.last_step if attempt is not None else None
    return Run(number, step, latest(attempt, metric), curve, attempt, places.of(attempt))
