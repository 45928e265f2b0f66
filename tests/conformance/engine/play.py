"""A study that is played through: trials side by side, some given, some that fail or cannot be trained at all."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from service.usecases.engine import Ending
from service.wire.message import Scalar

Params = Mapping[str, Scalar]
LAST_STEP = 9


class Driver(Protocol):
    """One side of the comparison: whatever asks, is told of reports, and learns how trials end."""

    def ask(self) -> tuple[int, Params]:
        """Begin a trial at a point that the sampler chooses; answers its number and the point."""

    def begin(self, params: Params) -> int:
        """Begin a trial at a given point; answers its number."""

    def report(self, number: int, step: int, value: float) -> bool:
        """Report a value; answers whether the trial is to stop."""

    def end(self, number: int, ending: Ending, values: Sequence[float] | None) -> None:
        """End a trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What happens in a study, told by the numbers of its trials.

    `given`: points that people asked for, by the number of their trial. `failing` and `infeasible`: the step at which
    trials come to such an end, if they come so far; one has not even memory for its first.
    """

    trials: int
    directions: Sequence[Literal["minimize", "maximize"]] = ("minimize",)
    given: Mapping[int, Params]
    failing: Mapping[int, int] = field(default_factory=lambda: {4: 3, 15: 2})
    infeasible: Mapping[int, int] = field(default_factory=lambda: {1: 1, 9: 3, 17: 2})
    at_once: int = 3


@dataclass(slots=True)
class Run:
    """What became of one trial."""

    number: int
    params: Params
    step: int = 0
    end: str | None = None


def play(driver: Driver, script: Script) -> list[Run]:
    """Play a study through. Each round one trial begins, if there is room, and each that runs makes a step."""
    runs: list[Run] = []
    while len(runs) < script.trials or any(run.end is None for run in runs):
        running = [run for run in runs if run.end is None]
        if len(runs) < script.trials and len(running) < script.at_once:
            runs.append(_begin(driver, script, len(runs)))
        for run in runs:
            if run.end is None:
                _go_on(driver, script, run)
    return runs


def _begin(driver: Driver, script: Script, number: int) -> Run:
    if number in script.given:
        return Run(driver.begin(script.given[number]), script.given[number])
    return Run(*driver.ask())


def _go_on(driver: Driver, script: Script, run: Run) -> None:
    run.step += 1
    signs = [1 if direction == "minimize" else -1 for direction in script.directions]
    if script.failing.get(run.number) == run.step:
        run.end = "failed"
        driver.end(run.number, "failed", None)
    elif script.infeasible.get(run.number) == run.step:
        run.end = "infeasible"
        driver.end(run.number, "infeasible", None)
    elif len(signs) == 1 and driver.report(run.number, run.step, signs[0] * curve(run)):
        run.end = f"pruned at {run.step}"
        driver.end(run.number, "pruned", None)
    elif run.step == LAST_STEP:
        run.end = "completed"
        both = (loss(run.params), cost(run.params))
        driver.end(run.number, "completed", [sign * one for sign, one in zip(signs, both, strict=False)])


def loss(params: Params) -> float:
    """How bad a point is, whatever its parameters are called."""
    total = 0.1
    for place, (_, value) in enumerate(sorted(params.items()), start=1):
        if isinstance(value, str) or value is None:
            total += 0.1 * (len(str(value)) % place)
        else:
            total += math.log1p(abs(value - 0.3 * place)) / place
    return total


def cost(params: Params) -> float:
    """Another number that is to be small, and is where the loss is large."""
    return 10 / (0.5 + loss(params)) + len(params)


def curve(run: Run) -> float:
    """The loss on its way down: trials that are better at first may be worse in the end."""
    wave = 0.3 * math.sin(run.number * 1.7 + run.step * 0.9)
    return loss(run.params) * (1 + 2 / (run.step + 1)) + wave
