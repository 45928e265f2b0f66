"""TPE over rows: whatever a study has come to, it proposes the point that Optuna's own does."""

import random
import threading
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from optuna.pruners import NopPruner
from optuna.samplers import TPESampler
from optuna.study import StudyDirection
from optuna.trial import TrialState

from service.domain.trial import Trial
from service.search.asking import ask
from service.search.distributions import Layout
from service.search.frozen import Freezer, Look, frozen
from service.search.snapshots import Snapshots
from service.search.tpe import Tpe
from service.search.view import Scene, View, ViewStudy
from service.usecases.engine import Curve
from tests.unit.service.search.samples import PARAMS, curve, definition, history, study, trial

SPACE: dict[str, Any] = {
    "rate": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
    "batch": {"type": "ordinal", "values": [16, 32, 64]},
    "width": {"type": "categorical", "choices": ["narrow", "wide"]},
    "depth": {"type": "int", "low": 1, "high": 9, "when": {"width": "wide"}},
}
# The good trials are 6 of 60. Where few have completed, those that were pruned come in, and behind them the infeasible.
STATES = {
    "many completed": ("completed", "completed", "pruned", "infeasible", "running", "queued", "failed"),
    "few completed": ("completed", *["pruned"] * 18, "queued"),
    "none completed": ("pruned", "infeasible"),
    "hardly any that is feasible": (*["infeasible"] * 18, "pruned", "running"),
}
VALUES = (0.0, -0.0, 0.5, 0.5, 1.0, float("inf"), -float("inf"))


def scene(chance: random.Random, states: tuple[str, ...], directions: tuple[StudyDirection, ...], own: int) -> Scene:
    """Trials in any state, with many equal values and a few that are no numbers."""
    trials: list[Trial] = []
    curves: dict[int, Curve] = {}
    metrics = tuple(f"m{place}" for place in range(len(directions)))
    for number in range(60):
        params = {"rate": 10 ** -chance.uniform(1, 5), "batch": chance.choice([16, 32, 64]), "width": "narrow"}
        if chance.random() < 0.5:
            params.update(width="wide", depth=chance.randint(1, 9))
        state = "queued" if number == own else chance.choice(states)
        values = {metric: chance.choice(VALUES) for metric in metrics} if state == "completed" else None
        trials.append(trial(number, state, params=params, values=values))
        if chance.random() < 0.8:
            curves[number] = curve(*(chance.choice((*VALUES, float("nan"))) for _ in range(chance.randint(1, 3))))
    layout = Layout(definition(space=SPACE).space)
    readable = len(directions) == 1
    look = Look(metrics=metrics, directions=directions, columns=False, readable=readable, feasibility=False)
    snapshots = Snapshots(Freezer(layout, look))
    return Scene("sample", directions, history(study(1), trials, curves), snapshots, threading.Lock())


@pytest.mark.parametrize("multivariate", [True, False])
@pytest.mark.parametrize("ways", [("minimize",), ("maximize",), ("minimize", "maximize")])
def test_it_proposes_what_optunas_own_does(multivariate: bool, ways: tuple[str, ...], rng: random.Random) -> None:
    layout = Layout(definition(space=SPACE).space)
    directions = tuple(StudyDirection[way.upper()] for way in ways)
    for states, number in product(STATES.values(), (60, 60, 30)):
        shown = scene(rng, states, directions, number)
        options: dict[str, Any] = {"seed": rng.randrange(2**31), "multivariate": multivariate}
        ours, theirs = (
            ask(layout, View(shown, frozen(number, TrialState.RUNNING)), sampler)
            for sampler in (Tpe(layout, **options), TPESampler(**options))
        )
        assert ours == theirs


def test_a_row_is_worked_out_once_for_each_state_of_a_trial() -> None:
    layout = Layout(definition().space)
    look = Look(
        metrics=("loss",), directions=(StudyDirection.MINIMIZE,), columns=False, readable=True, feasibility=False
    )
    trials = [trial(number, params=PARAMS) for number in range(12)] + [trial(12, "running", params=PARAMS)]
    snapshots = Snapshots(Freezer(layout, look))
    shown = Scene("sample", look.directions, history(study(1), trials), snapshots, threading.Lock())
    view = View(shown, frozen(13, TrialState.RUNNING))
    sampler = Tpe(layout, seed=1)
    ask(layout, view, sampler)
    rows = [vars(type(one))["row"].__get__(one) for one in view.snapshot.trials]
    assert None not in rows
    again = sampler._parts(ViewStudy(view, sampler, NopPruner()), view.own)
    assert again is sampler._parts(ViewStudy(view, sampler, NopPruner()), view.own)
    trials[12] = trial(12, params={**PARAMS, "rate": 0.09}, values={"loss": 0.01}, seq=99)
    changed = View(replace(shown, history=history(study(99), trials)), frozen(13, TrialState.RUNNING))
    ask(layout, changed, sampler)
    assert [vars(type(one))["row"].__get__(one) for one in changed.snapshot.trials][:12] == rows[:12]
    good, _ = sampler._parts(ViewStudy(changed, sampler, NopPruner()), changed.own)
    assert good[:, 2].tolist() == [0.0, 0.01], "it was looked at anew when it had ended"
