"""An account of how a study is searched: what was chosen and why, and what its rungs are worth."""

from service.search.pool.contest import directions
from service.search.pool.controls import CONTROL, Agreement, agreements
from service.search.pool.rungs import SHOWN, at_rung
from service.search.pruners import halves
from service.search.refusals import chooses, decides
from service.usecases.engine import History
from service.wire.analysis import Rung, Search
from service.wire.scheduler import AutoScheduler
from service.wire.study import StudyDefinition


def account(history: History) -> Search:
    """How a study is searched, and how its rungs stand."""
    definition = history.study.definition
    trials = history.trials.values()
    return Search(
        study=history.study.name,
        sampler=chooses(definition),
        scheduler=decides(definition),
        controls=sum(bool(trial.system.get(CONTROL)) for trial in trials),
        rungs=tuple(_rungs(history, definition)),
    )


def _rungs(history: History, definition: StudyDefinition) -> list[Rung]:
    automatic = isinstance(definition.scheduler, AutoScheduler)
    known: dict[int, Agreement] = {}
    if automatic and len(directions(definition, None)) == 1:
        known = {one.rung: one for one in agreements(history, definition)}
    if not automatic and halves(definition) is None:
        return []
    count = max((len(trial.system.get(SHOWN, ())) for trial in history.trials.values()), default=0)
    return [_rung(history, rung, known.get(rung)) for rung in range(count)]


def _rung(history: History, rung: int, agreement: Agreement | None) -> Rung:
    there = at_rung(history.trials, rung)
    waiting = [
        number
        for number in there
        if history.trials[number].state == "paused" and len(history.trials[number].system[SHOWN]) == rung + 1
    ]
    return Rung(
        rung=rung,
        trials=len(there),
        paused=len(waiting),
        controls=agreement.controls if agreement else 0,
        correlation=agreement.correlation if agreement else None,
        decides=agreement is None or agreement.decides,
    )
