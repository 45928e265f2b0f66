"""The engine is Optuna: the same seeds give the same points and the same verdicts as Optuna's own study does.

Each pair of a sampler and a pruner is played through in both directions, with points that people gave, trials that
fail, trials that cannot be trained, and three at a time. Twice for the engine: alone, and two taking turns.
"""

from typing import Literal

import pytest

from service.domain.study import Study
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
