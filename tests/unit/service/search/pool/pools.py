"""Studies whose trials have learning curves that cross: what is ahead early need not be ahead in the end."""

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from service.domain.study import Study
from service.domain.trial import Trial
from service.search.distributions import Layout
from service.search.pool.cube import Cube
from service.search.pool.curves import Sightings
from service.search.pool.knowledge import Knowledge
from service.search.pool.rungs import SHOWN
from service.usecases.engine import Curve, History
from service.wire.objective import Objective
from tests.unit.service.search.samples import curve, history, study, trial

NUMBERS: Mapping[str, Any] = {
    "x": {"type": "float", "low": 0.0, "high": 1.0},
    "y": {"type": "float", "low": 0.0, "high": 1.0},
}
STEPS = (1, 2, 3, 4, 8, 16, 32, 64)
RUNGS = (1, 4, 16, 64)


def loss(params: Mapping[str, Any], step: int) -> float:
    """What a trial shows: it ends the better the nearer it is to (0.3, 0.7), and small x is slow."""
    end = (params["x"] - 0.3) ** 2 + (params["y"] - 0.7) ** 2
    return float(end + 3 * math.exp(-step * (0.03 + 0.5 * params["x"])))


def showing(*values: float | None, state: Any = "paused", number: int = 0, **fields: Any) -> Trial:
    """A trial that has shown these values at the rungs from the first on."""
    return trial(number, state, system={SHOWN: [[value] for value in values], **fields.pop("system", {})}, **fields)


def trained(number: int, params: Mapping[str, Any], until: int, state: Any = "paused", **fields: Any) -> Trial:
    """A trial that has trained so far, and showed at the rungs what it had to show."""
    last = {"loss": loss(params, until)} if state == "completed" else None
    values = [loss(params, rung) for rung in RUNGS if rung <= until]
    return showing(*values, state=state, number=number, params=params, values=last, **fields)


def curve_of(one: Trial, until: int) -> Curve:
    """The curve that a trial has reported."""
    steps = [step for step in STEPS if step <= until]
    return curve(*(loss(one.params, step) for step in steps), steps=steps)


def crossing(
    count: int, chance: Random, untils: Sequence[int] = (1, 4, 16, 64), of: Study | None = None, **system: Any
) -> History:
    """A study of so many trials at random points; those that trained longest have completed, the others pause."""
    trials, curves = [], {}
    for number in range(count):
        until = untils[number % len(untils)]
        params = {"x": chance.random(), "y": chance.random()}
        one = trained(number, params, until, "completed" if until == STEPS[-1] else "paused")
        trials.append(one)
        curves[number] = curve_of(one, until)
    return history(of or study(count, space=NUMBERS, scheduler="auto"), trials, curves, **system)


def known(of: History, seed: int = 1, objective: Objective | None = None) -> Knowledge:
    """What is known of a history."""
    definition = of.study.definition
    return Knowledge(Sightings(Cube(Layout(definition.space)), objective or definition.objectives[0]), of, seed)
