"""The engine is Optuna: the same seeds give the same points and the same verdicts as Optuna's own study does.

Each pair of a sampler and a pruner is played through in both directions, with points that people gave, trials that
fail, trials that cannot be trained, and three at a time. Twice for the engine: alone, and two taking turns.
"""

from collections.abc import Callable
from typing import Any, Literal

import pytest
from optuna.trial import TrialState

from service.domain.study import Study
from service.search import frozen, seeds, view
from service.search.engine import OptunaEngine
from tests.conformance.engine.cases import (
    OTHER_SPACES,
    PRUNERS,
    SAMPLERS,
    PrunerCase,
    SamplerCase,
    SpaceCase,
    definition,
)
from tests.conformance.engine.drivers import NOW, MemoryDriver
from tests.conformance.engine.play import Run, Script, play
from tests.conformance.engine.reference import Reference

pytestmark = pytest.mark.usefixtures("short_searches")

Direction = Literal["minimize", "maximize"]
ONE: tuple[Direction, ...] = ("minimize", "maximize")
SEVERAL = ("tpe", "tpe-group", "tpe-independent", "gp", "sobol", "random", "grid", "brute-force", "nsga2", "nsga3")


def troubled(sampler: SamplerCase, directions: tuple[Direction, ...], space: SpaceCase) -> Script:
    """A study in which things go wrong."""
    return Script(trials=sampler.trials, directions=directions, given={3: space.given[0], 11: space.given[1]})


def played(
    sampler: SamplerCase,
    pruner: PrunerCase,
    directions: tuple[Direction, ...],
    space: SpaceCase,
    script: Script,
) -> tuple[list[Run], list[Run], list[Run]]:
    """What became of the trials: in Optuna's study, with one engine, and with two that take turns."""
    study = definition(sampler, pruner, directions, space)
    reference = Reference(
        Study(id=1, definition=study, created_at=NOW, updated_at=NOW),
        sampler.optuna,
        pruner.optuna,
        space.suggest,
        space.inward,
        feasibility=sampler.feasibility and bool(script.infeasible),
    )
    # Points that have been tried may come again: Optuna does not mind, and the test is of what it does.
    one = MemoryDriver(study, [OptunaEngine(redraws=0)])
    two = MemoryDriver(study, [OptunaEngine(redraws=0), OptunaEngine(redraws=0)])
    runs = play(reference, script), play(one, script), play(two, script)
    assert one.notes == two.notes == {}
    return runs


@pytest.mark.parametrize("direction", ONE)
@pytest.mark.parametrize("pruner", PRUNERS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_with_a_pruner_is_optunas(sampler: str, pruner: str, direction: Direction) -> None:
    case = SAMPLERS[sampler]
    script = troubled(case, (direction,), case.space)
    optunas, ours, taking_turns = played(case, PRUNERS[pruner], (direction,), case.space, script)
    assert ours == optunas
    assert taking_turns == optunas


@pytest.mark.parametrize("directions", [("minimize", "minimize"), ("maximize", "minimize")], ids="-".join)
@pytest.mark.parametrize("sampler", SEVERAL)
def test_several_objectives_are_optunas(sampler: str, directions: tuple[Direction, Direction]) -> None:
    case = SAMPLERS[sampler]
    script = troubled(case, directions, case.space)
    optunas, ours, taking_turns = played(case, PRUNERS["none"], directions, case.space, script)
    assert ours == optunas
    assert taking_turns == optunas


@pytest.mark.parametrize("pruner", ["none", "asha"])
@pytest.mark.parametrize("sampler", OTHER_SPACES)
def test_other_spaces_without_trouble_are_optunas(sampler: str, pruner: str) -> None:
    case, space = SAMPLERS[sampler], OTHER_SPACES[sampler]
    script = Script(trials=case.trials, given={}, failing={}, infeasible={}, at_once=1)
    optunas, ours, taking_turns = played(case, PRUNERS[pruner], ("minimize",), space, script)
    assert ours == optunas
    assert taking_turns == optunas


@pytest.mark.parametrize("pruner", [name for name in PRUNERS if name != "none"])
def test_every_pruner_stops_some_trials_and_not_all(pruner: str) -> None:
    """Else the comparison would say nothing of it."""
    case = SAMPLERS["random"]
    for direction in ONE:
        script = troubled(case, (direction,), case.space)
        ends = [run.end for run in played(case, PRUNERS[pruner], (direction,), case.space, script)[1]]
        stopped = sum(str(end).startswith("pruned") for end in ends)
        assert 2 <= stopped <= len(ends) - 4


@pytest.mark.parametrize("sampler", ["tpe", "tpe-group", "tpe-independent", "gp", "cmaes", "sobol", "nsga2", "nsga3"])
def test_every_sampler_comes_to_choose_for_itself(sampler: str) -> None:
    """Else the comparison would be one of random points."""
    case = SAMPLERS[sampler]
    random = SamplerCase(sampler={"type": "random"}, optuna=SAMPLERS["random"].optuna, space=case.space)
    script = troubled(case, ("minimize",), case.space)
    chosen = played(case, PRUNERS["none"], ("minimize",), case.space, script)[1]
    drawn = played(random, PRUNERS["none"], ("minimize",), case.space, script)[1]
    assert sum(one != other for one, other in zip(chosen, drawn, strict=True)) >= 3


MISTAKES: dict[str, tuple[str, str, Any, str, Any]] = {
    "lists that were handed out change": ("random", "hyperband", view.View, "own_as_it_is", lambda self: self.own),
    "what waits and runs is not shown": (
        "tpe",
        "none",
        frozen,
        "STATES",
        {**frozen.STATES, "queued": TrialState.FAIL, "running": TrialState.FAIL},
    ),
    "what cannot be trained is forgotten": (
        "tpe",
        "none",
        frozen.Look,
        "values",
        lambda self, state, values: None if state == "infeasible" else [values["loss"]] if values else None,
    ),
    "what was pruned has no value": ("tpe", "threshold", frozen.Freezer, "_curve", lambda *_: {}),
    "rungs are not remembered": ("random", "asha", MemoryDriver, "report", None),
}


def _forgetful(report: Callable[..., bool]) -> Callable[..., bool]:
    def forgetful(self: MemoryDriver, number: int, step: int, value: float) -> bool:
        stops = report(self, number, step, value)
        self._save(number, "running", system={})
        return stops

    return forgetful


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_would_be_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sampler, pruner, owner, name, wrong = MISTAKES[mistake]
    case = SAMPLERS[sampler]
    script = troubled(case, ("minimize",), case.space)
    monkeypatch.setattr(owner, name, wrong or _forgetful(getattr(owner, name)))
    optunas, ours, _ = played(case, PRUNERS[pruner], ("minimize",), case.space, script)
    assert ours != optunas


def test_another_seed_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    case = SAMPLERS["tpe"]
    script = troubled(case, ("minimize",), case.space)
    monkeypatch.setattr("service.search.engine.seeds", lambda *_: seeds.Seeds(study=1, trial=1))
    optunas, ours, _ = played(case, PRUNERS["none"], ("minimize",), case.space, script)
    assert ours != optunas
