"""A study that is played through: trials side by side, some given, some that fail or cannot be trained at all."""

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from service.wire.message import Scalar

Ending = Literal["completed", "pruned", "failed", "infeasible"]
Params = Mapping[str, Scalar]
EVERY_STEP = (1, 2, 3, 4, 5, 6, 7, 8, 9)


class Driver(Protocol):
    """One side of the comparison: whatever asks, is told of reports, and learns how trials end.

    One that waits for a database has the same methods as coroutines, and is played by `play_waiting`.
    """

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
    trials come to such an end, if they come so far; one has not even memory for its first. `strange`: what is reported
    in place of the curve, by trial and step. `steps`: those at which trials report; at the last they complete.
    """

    trials: int
    directions: Sequence[Literal["minimize", "maximize"]] = ("minimize",)
    given: Mapping[int, Params]
    failing: Mapping[int, int] = field(default_factory=lambda: {4: 3, 15: 2})
    infeasible: Mapping[int, int] = field(default_factory=lambda: {1: 1, 9: 3, 17: 2})
    strange: Mapping[tuple[int, int], float] = field(default_factory=dict)
    at_once: int = 3
    steps: Sequence[int] = EVERY_STEP


@dataclass(slots=True)
class Run:
    """What became of one trial."""

    number: int
    params: Params
    step: int = 0
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """What a driver is to do next: one of its methods, and what it is given."""

    method: Literal["ask", "begin", "report", "end"]
    given: tuple[Any, ...] = ()


Game = Generator[Move, Any, list[Run]]
"""A study as moves: each is yielded, and sent the answer of the driver that made it."""


def play(driver: Driver, script: Script) -> list[Run]:
    """Play a study through."""
    going, answer = game(script), None
    while True:
        try:
            move = going.send(answer)
        except StopIteration as end:
            return list(end.value)
        answer = getattr(driver, move.method)(*move.given)


async def play_waiting(driver: Any, script: Script) -> list[Run]:
    """Play a study through with a driver whose methods are coroutines."""
    going, answer = game(script), None
    while True:
        try:
            move = going.send(answer)
        except StopIteration as end:
            return list(end.value)
        answer = await getattr(driver, move.method)(*move.given)


def game(script: Script) -> Game:
    """The moves of a study. Each round one trial begins, if there is room, and each that runs makes a step."""
    runs: list[Run] = []
    while len(runs) < script.trials or any(run.end is None for run in runs):
        running = [run for run in runs if run.end is None]
        if len(runs) < script.trials and len(running) < script.at_once:
            runs.append((yield from _begin(script, len(runs))))
        for run in runs:
            if run.end is None:
                yield from _go_on(script, run)
    return runs


def _begin(script: Script, number: int) -> Generator[Move, Any, Run]:
    if number in script.given:
        return Run((yield Move("begin", (script.given[number],))), script.given[number])
    return Run(*(yield Move("ask")))


def _go_on(script: Script, run: Run) -> Generator[Move, Any, None]:
    run.step = next(step for step in script.steps if step > run.step)
    signs = [1 if direction == "minimize" else -1 for direction in script.directions]
    if script.failing.get(run.number) == run.step:
        run.end = "failed"
        yield Move("end", (run.number, "failed", None))
    elif script.infeasible.get(run.number) == run.step:
        run.end = "infeasible"
        yield Move("end", (run.number, "infeasible", None))
    elif len(signs) == 1 and (yield Move("report", (run.number, run.step, _value(script, run, signs[0])))):
        run.end = f"pruned at {run.step}"
        yield Move("end", (run.number, "pruned", None))
    elif run.step == script.steps[-1]:
        run.end = "completed"
        both = (loss(run.params), cost(run.params))
        values = [sign * one for sign, one in zip(signs, both, strict=False)]
        yield Move("end", (run.number, "completed", values))


def _value(script: Script, run: Run, sign: int) -> float:
    return script.strange.get((run.number, run.step), sign * curve(run))


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
