"""How the best trials of a study are told apart: each is run on the same fresh seeds, and compared seed by seed.

An interval is Student's, at 95 %, of a mean over seeds. Two trials are compared by the differences on the seeds that
both completed: what a seed does to both of them cancels out. A trial ties with the best one where the interval of its
difference holds nought. Of those that tie the cheapest wins, where it is cheaper by more than single runs differ.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from service.wire.objective import Direction
from service.wire.trial import TrialState

LEVEL = 0.95
LEAST_RUNS = 2
"""A single run tells nothing of how much runs differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A trial run again on one seed, and what it came to by now; `step` is where its value was read."""

    number: int
    seed: int
    state: TrialState
    value: float | None = None
    step: int | None = None
    seconds: float | None = None
    parameters: float | None = None

    @property
    def good(self) -> bool:
        """Whether it came to a value."""
        return self.state == "completed" and self.value is not None and math.isfinite(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean, how much the single values differ, and where the true mean lies at 95 %."""

    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the runs of a trial tell: its value, how far it is behind the best, whether it ties, and what it costs.

    `behind` is greater the worse, whatever the direction; the best one has none. `whole` says that no seed failed.
    """

    number: int
    runs: Sequence[Run]
    interval: Interval | None = None
    behind: Interval | None = None
    whole: bool = False
    best: bool = False
    tied: bool = False
    seconds: float | None = None
    parameters: float | None = None
    values: Mapping[int, float] = field(default_factory=dict)


def interval(values: Sequence[float]) -> Interval | None:
    """The mean of values with Student's interval; None of fewer than two."""
    if len(values) < LEAST_RUNS:
        return None
    mean, sd = statistics.fmean(values), statistics.stdev(values)
    half = quantile(LEVEL, len(values) - 1) * sd / math.sqrt(len(values))
    return Interval(mean=mean, sd=sd, low=mean - half, high=mean + half)


def quantile(level: float, freedom: int) -> float:
    """How far Student's t lies from nought with this probability at most: it is found between bounds that close in."""
    low, high = 0.0, 1.0
    while within(high, freedom) < level:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle, freedom) < level else (low, middle)
    return high


def within(t: float, freedom: int) -> float:
    """The probability that Student's t lies within ±t: for whole degrees of freedom it is a finite sum."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for place in range(3 if odd else 2, freedom - 1, 2):
        term *= math.cos(angle) ** 2 * (place - 1) / place
        total += term
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


def standings(candidates: Mapping[int, Sequence[Run]], direction: Direction) -> Sequence[Standing]:
    """What the runs tell of each trial, the best first. One that failed on a seed comes behind those that did not."""
    sign = 1.0 if direction == "minimize" else -1.0
    found = [_measured(number, runs) for number, runs in candidates.items()]
    found.sort(key=lambda one: (not one.whole, sign * one.interval.mean if one.interval else math.inf, one.number))
    if not found or found[0].interval is None:
        return found
    best = replace(found[0], best=True, tied=True)
    return [best, *(_compared(one, best, sign) for one in found[1:])]


def cheapest(found: Sequence[Standing]) -> Standing | None:
    """The winner: of those that tie the one that trains in the least time, then with the fewest parameters.

    Times that cannot be told apart seed by seed are the same: they are the machine's. Of those that cost the same the
    best one wins.
    """
    tied = [one for one in found if one.tied]
    timed = [one for one in tied if one.seconds is not None]
    fastest = min(timed, key=lambda one: one.seconds or 0.0, default=None)
    rivals = tied if fastest is None else [one for one in timed if not slower(one, fastest)]
    # They are in the order of their values, and of equal ones the first is taken.
    return min(rivals, key=lambda one: math.inf if one.parameters is None else one.parameters, default=None)


def slower(one: Standing, than: Standing) -> bool:
    """Whether a trial takes longer than another one by more than its runs differ, on the seeds that both completed."""
    first, second = _times(one), _times(than)
    apart = interval([first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())])
    return apart is not None and apart.low > 0


def _times(standing: Standing) -> Mapping[int, float]:
    return {run.seed: run.seconds for run in standing.runs if run.good and run.seconds is not None}


def _measured(number: int, runs: Sequence[Run]) -> Standing:
    values = {run.seed: run.value for run in runs if run.good and run.value is not None}
    return Standing(
        number=number,
        runs=runs,
        interval=interval(list(values.values())),
        whole=bool(runs) and len(values) == len(runs),
        seconds=_mean(run.seconds for run in runs if run.good),
        parameters=_mean(run.parameters for run in runs if run.good),
        values=values,
    )


def _compared(standing: Standing, best: Standing, sign: float) -> Standing:
    """How far a trial is behind the best one, on the seeds that both completed."""
    common = sorted(standing.values.keys() & best.values.keys())
    behind = interval([sign * (standing.values[seed] - best.values[seed]) for seed in common])
    tied = behind is not None and behind.low <= 0 and standing.whole == best.whole
    return replace(standing, behind=behind, tied=tied)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
