"""The engine is Optuna in a real database too: through the use cases, and with two replicas that share it.

Every pair of a sampler and a pruner is played through in both directions, on SQLite and on PostgreSQL, by one replica
and by two that take turns at each call: short studies, with trials that people gave, that fail and that cannot be
trained, and with curves that hold NaN and infinities. The studies of a sampler are played side by side, so that they
share commits; each compares with one run of Optuna's own study.
"""

import asyncio
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
from optuna.trial import TrialState

from service.domain.study import Study
from service.search import frozen
from service.search.engine import OptunaEngine
from service.usecases.engine import Curve, History
from service.usecases.mirrors import Mirror
from tests.conformance.engine.cases import PRUNERS, SAMPLERS, definition
from tests.conformance.engine.drivers import NOW
from tests.conformance.engine.play import Run, Script, play, play_waiting
from tests.conformance.engine.reference import Reference
from tests.conformance.engine.stores import Replica, StoreDriver
from tests.databases import Databases

# Hundreds of studies a sampler, where others compute beside it.
pytestmark = [pytest.mark.timeout(480), pytest.mark.usefixtures("short_searches")]

Direction = Literal["minimize", "maximize"]
Pair = tuple[str, str, Direction]
Team = tuple[str, int]
DIRECTIONS: tuple[Direction, ...] = ("minimize", "maximize")
KINDS = ("sqlite", "postgresql")
REPLICAS = (1, 2)
TEAMS = tuple(product(KINDS, REPLICAS))
PAIRS: tuple[Pair, ...] = tuple(product(SAMPLERS, PRUNERS, DIRECTIONS))
# These are rungs and intervals of every scheduler, and steps between them.
STEPS = (1, 2, 5)
STRANGE = {(0, 2): math.nan, (5, 2): math.inf, (7, 1): -math.inf, (8, 5): math.nan}


class Teams:
    """Replicas over four databases: one alone and two together, on SQLite and on PostgreSQL."""

    def __init__(self, urls: Mapping[Team, str], runner: asyncio.Runner) -> None:
        self.members = {
            team: [Replica.open(url, OptunaEngine(redraws=0), name=f"replica {place}") for place in range(team[1])]
            for team, url in urls.items()
        }
        self._runner = runner
        self._played = 0

    def play(self, *pairs: Pair) -> dict[tuple[Pair, Team], list[Run]]:
        """Play these pairs through by every team, side by side."""
        self._played += 1
        games = [self._game(pair, team) for pair, team in product(pairs, self.members)]

        async def side_by_side() -> list[list[Run]]:
            return await asyncio.gather(*games)

        return dict(zip(product(pairs, self.members), self._runner.run(side_by_side()), strict=True))

    async def _game(self, pair: Pair, team: Team) -> list[Run]:
        # Hyperband draws a trial's bracket from the study's name: a pair has the same one everywhere.
        driver = StoreDriver(self.members[team], defined(pair, str(self._played)))
        await driver.create()
        runs = await play_waiting(driver, script(pair))
        assert driver.notes == {}
        return runs

    def reference(self, pair: Pair) -> list[Run]:
        """What Optuna makes of a pair that was played last."""
        case, pruner = SAMPLERS[pair[0]], PRUNERS[pair[1]]
        study = Study(id=1, definition=defined(pair, str(self._played)), created_at=NOW, updated_at=NOW)
        optunas = Reference(
            study, case.optuna, pruner.optuna, case.space.suggest, case.space.inward, feasibility=case.feasibility
        )
        return play(optunas, script(pair))

    def differing(self, *pairs: Pair) -> dict[tuple[Pair, Team], tuple[Run, Run]]:
        """Play pairs, and answer the first trial of each in which they differ from Optuna's."""
        played, optunas = self.play(*pairs), {pair: self.reference(pair) for pair in pairs}
        return {
            (pair, team): next(both for both in zip(optunas[pair], runs, strict=True) if both[0] != both[1])
            for (pair, team), runs in played.items()
            if runs != optunas[pair]
        }

    def close(self) -> None:
        """Close the stores."""
        for replica in (replica for members in self.members.values() for replica in members):
            replica.store.close()


def defined(pair: Pair, mark: str) -> Any:
    """The study of a pair."""
    sampler, pruner, direction = pair
    return definition(SAMPLERS[sampler], PRUNERS[pruner], (direction,), name=f"{sampler}-{pruner}-{direction}-{mark}")


def script(pair: Pair) -> Script:
    """A short study in which things go wrong."""
    case = SAMPLERS[pair[0]]
    return Script(
        trials=case.short,
        directions=(pair[2],),
        given={3: case.space.given[0], 7: case.space.given[1]},
        failing={4: 2},
        infeasible={1: 1, 6: 2},
        strange=STRANGE,
        steps=STEPS,
    )


@pytest.fixture(scope="module")
def teams(postgres: Databases, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Teams]:
    folder = tmp_path_factory.mktemp("engine")
    urls = {}
    with ExitStack() as after, asyncio.Runner() as runner:
        for count in REPLICAS:
            shutil.copy(sqlite_template, folder / f"{count}.db")
            urls["sqlite", count] = f"sqlite:///{folder}/{count}.db"
            name = postgres.create(migrated=True)
            after.callback(postgres.drop, name)
            urls["postgresql", count] = postgres.url(name)
        made = Teams(urls, runner)
        after.callback(made.close)
        yield made


def test_nothing_is_left_out() -> None:
    """A sampler or pruner that is added to the cases is played without a word here; this says how many there are."""
    assert TEAMS == (("sqlite", 1), ("sqlite", 2), ("postgresql", 1), ("postgresql", 2))
    assert len(set(PAIRS)) == len(SAMPLERS) * len(PRUNERS) * len(DIRECTIONS) >= 252
    assert len(PAIRS) * len(TEAMS) >= 1008
    played = [mark for mark in test_every_pair_is_optunas.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
    assert [mark.args for mark in played] == [("sampler", SAMPLERS)]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_pair_is_optunas(teams: Teams, sampler: str) -> None:
    """Each pruner, in both directions, by each team."""
    assert teams.differing(*(pair for pair in PAIRS if pair[0] == sampler)) == {}


def _without_system(history: Callable[..., History]) -> Callable[..., History]:
    def forgetful(*given: Any) -> History:
        seen = history(*given)
        return replace(seen, trials={number: replace(trial, system={}) for number, trial in seen.trials.items()})

    return forgetful


def _without_curves(history: Callable[..., History]) -> Callable[..., History]:
    return lambda *given: replace(history(*given), curves={})


def _once(refresh: Callable[..., None]) -> Callable[..., None]:
    return lambda mirror, tx, study: None if mirror.trials else refresh(mirror, tx, study)


def _finite(add: Callable[..., None]) -> Callable[..., None]:
    return lambda curve, step, value: add(curve, step, value if math.isfinite(value) else 0.0)


def _as_failed(states: Mapping[str, TrialState]) -> Mapping[str, TrialState]:
    return {**states, "queued": TrialState.FAIL, "running": TrialState.FAIL}


MISTAKES: dict[str, tuple[Pair, Any, str, Callable[[Any], Any]]] = {
    "what runs is shown as failed": (("tpe", "none", "minimize"), frozen, "STATES", _as_failed),
    "what engines remember is lost": (("random", "asha", "minimize"), Mirror, "history", _without_system),
    "curves are lost": (("random", "median", "maximize"), Mirror, "history", _without_curves),
    "what changed is not seen": (("tpe", "none", "maximize"), Mirror, "refresh", _once),
    "NaN and infinities are lost": (("random", "asha", "maximize"), Curve, "add", _finite),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_would_be_seen(teams: Teams, mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By every team."""
    pair, owner, name, wrong = MISTAKES[mistake]
    assert teams.differing(pair) == {}
    monkeypatch.setattr(owner, name, wrong(getattr(owner, name)))
    assert {team for _, team in teams.differing(pair)} == set(TEAMS)
