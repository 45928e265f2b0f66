"""Controls: a few trials that train to the end whatever they show, to measure what early values are worth.

Where the order of the controls at a rung says little of their order at the end, that rung decides nothing.
"""

from dataclasses import dataclass

from service.search.pool.contest import directions, order
from service.search.pool.knowledge import Knowledge
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


def wanted(known: Knowledge) -> bool:
    """Whether the next trial should be a control: they get a share of all training, and not more."""
    spent = {number: at.amount for number, at in known.newest.items()}
    trials = known.history.trials
    controls = sum(at for number, at in spent.items() if trials[number].system.get(CONTROL))
    waiting = any(
        trial.system.get(CONTROL) and (number not in spent or trial.state == "running")
        for number, trial in trials.items()
        if trial.state in {"queued", "running"}
    )
    return not waiting and controls < SHARE * sum(spent.values())


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
