"""Controls: a few trials that train to the end whatever they show, to measure what early values are worth.

Where the order of the controls at a rung says little of their order at the end, that rung decides nothing.
"""

from dataclasses import dataclass
from math import fsum

from service.search.following import Follower
from service.search.pool.contest import directions, order
from service.search.pool.curves import Sightings
from service.search.pool.rungs import shown
from service.usecases.engine import History
from service.wire.study import StudyDefinition

CONTROL = "basin:control"
SHARE = 0.03
FEWEST = 6
LEAST = 0.5


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well the order at a rung agrees with the order at the end, over so many controls. It decides if it may."""

    rung: int
    controls: int
    correlation: float | None

    @property
    def decides(self) -> bool:
        """Whether decisions may fall at the rung: as long as nothing speaks against it."""
        return self.correlation is None or self.correlation >= LEAST


class Spending:
    """How much the trials of one study have trained, and the controls among them: counted on from what has changed."""

    def __init__(self, sightings: Sightings) -> None:
        self._sightings = sightings
        self._follower = Follower()
        self._amounts: dict[int, float] = {}
        self._controls: dict[int, float] = {}
        self._waiting: set[int] = set()

    def wants_control(self, history: History, number: int) -> bool:
        """Whether the trial of this number should be a control: they get a share of all training, and not more."""
        changed = self._follower.changed(history.trail)
        if changed is None:
            self._amounts, self._controls, self._waiting = {}, {}, set()
        for one in history.trials if changed is None else changed:
            self._count(one, history)
        # Summed up without rounding: all processes answer alike, whatever they have seen on their way.
        controls, all_trials = (
            fsum((*amounts.values(), -amounts.get(number, 0.0))) for amounts in (self._controls, self._amounts)
        )
        return self._waiting <= {number} and controls < SHARE * all_trials

    def _count(self, number: int, history: History) -> None:
        trial = history.trials[number]
        control = bool(trial.system.get(CONTROL))
        amount = self._sightings.amount(trial, history.curves.get(number))
        for amounts, counts in ((self._amounts, True), (self._controls, control)):
            if counts and amount is not None:
                amounts[number] = amount
            else:
                amounts.pop(number, None)
        waits = control and (trial.state == "running" or (trial.state == "queued" and amount is None))
        (self._waiting.add if waits else self._waiting.discard)(number)


def agreements(history: History, definition: StudyDefinition) -> list[Agreement]:
    """How well each rung that controls came to agrees with the end."""
    objective = definition.objectives[0]
    done = {
        number: trial
        for number, trial in history.trials.items()
        if trial.system.get(CONTROL) and trial.state == "completed" and trial.values is not None
    }
    ways = directions(definition, objective.metric)
    last = order({number: (dict(trial.values or {})[objective.metric],) for number, trial in done.items()}, ways)
    rungs = max((len(shown(trial)) for trial in done.values()), default=0)
    found = []
    for rung in range(rungs):
        field = {number: shown(trial)[rung] for number, trial in done.items() if len(shown(trial)) > rung}
        there = order(field, ways)
        found.append(Agreement(rung, len(field), _correlation(there, [one for one in last if one in field])))
    return found


def _correlation(there: list[int], last: list[int]) -> float | None:
    if len(there) < FEWEST:
        return None
    # Spearman's, of two orders without equals.
    squares = sum((there.index(number) - place) ** 2 for place, number in enumerate(last))
    return 1 - 6 * squares / (len(last) * (len(last) ** 2 - 1))
