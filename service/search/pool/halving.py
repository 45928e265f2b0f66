"""Successive halving that pauses (Li et al. 2020): at each rung the best share goes on, the others wait.

A trial that waits may go on later: when more have come to its rung, it may be among the best share of them.
"""

from collections.abc import Sequence

from service.domain.trial import Trial
from service.search.pool.contest import directions, order
from service.search.pool.rungs import SHOWN, Ladder, amount, at_rung, entries, shown, shows
from service.search.pool.standings import Standings
from service.usecases.engine import Basis, Curve, History, Latest, Promotion, Verdict
from service.wire.objective import Direction
from service.wire.scheduler import AshaScheduler
from service.wire.study import StudyDefinition

_GO_ON = Verdict(act="continue")


class Halving:
    """The scheduler `asha` of one study. In the mode `stop` those that do not go on are stopped for good."""

    def __init__(self, definition: StudyDefinition, options: AshaScheduler) -> None:
        self.ladder = Ladder(options.min_resource, options.reduction_factor, options.max_resource)
        self._definition = definition
        self._options = options
        self._ways = directions(definition, options.metric)
        self._standings = Standings(self._ways)

    def judge(self, history: History, trial: Trial, curve: Curve, latest: Latest) -> Verdict:
        """Whether a trial goes on after what it reported; something is decided only at a rung it has not been at."""
        trained, known, ladder = amount(self._options.resource, latest), shown(trial), self.ladder
        if trained is None or ladder.over(trained):
            return _GO_ON
        reached = ladder.reached(trained)
        if reached <= len(known):
            return Verdict(act="continue", next_step=self._next(reached))
        values = shows(self._definition, self._options.metric, curve, latest)
        if values is None:
            # It shows nothing yet that could be compared: it is looked at again with its next report.
            return Verdict(act="continue", next_step=latest.step + 1)
        known += [values] * (reached - len(known))
        rung = reached - 1
        least = 1 if self._options.mode == "stop" else 0
        going_on = max(least, self._standings.count(history, trial.number, rung) // self._options.reduction_factor)
        basis = self._standings.stand(history, trial.number, rung, latest.step, values, going_on)
        goes_on = (basis.rank or 0) <= going_on
        return Verdict(
            act="continue" if goes_on else "pause" if self._options.mode == "promote" else "stop",
            reason=None if goes_on else told(basis, going_on),
            basis=basis,
            system={SHOWN: entries(known)},
            next_step=self._next(reached),
        )

    def promote(self, history: History, *, last_round: bool) -> Promotion | None:
        """The best paused trial of the highest rung at which one is among the best share.

        `last_round`: there are no new trials left, and somebody is to come to the end.
        """
        return promotable(
            history,
            ways=self._ways,
            factor=self._options.reduction_factor,
            at_least=1 if last_round else 0,
        )

    def _next(self, reached: int) -> int | None:
        """The first step of the next rung, where steps are what is counted."""
        return int(self.ladder.at(reached)) if self._options.resource == "step" else None


def promotable(history: History, *, ways: Sequence[Direction], factor: int, at_least: int) -> Promotion | None:
    """The best trial that pauses at the highest rung where one is among the best share of all who came there.

    The best share has `at_least` so many.
    """
    waiting: dict[int, list[int]] = {}
    for number, trial in history.trials.items():
        if trial.state == "paused" and (came := len(trial.system.get(SHOWN, ()))):
            waiting.setdefault(came - 1, []).append(number)
    for rung in sorted(waiting, reverse=True):
        field = at_rung(history.trials, rung)
        going_on = max(at_least, len(field) // factor)
        ranked = order(field, ways)
        best = next((number for number in ranked[:going_on] if number in set(waiting[rung])), None)
        if best is not None:
            return _promotion(history.trials[best], rung, ranked, field, going_on)
    return None


def _promotion(
    trial: Trial, rung: int, ranked: list[int], field: dict[int, tuple[float, ...]], going_on: int
) -> Promotion:
    values, cut = field[trial.number], field[ranked[going_on - 1]]
    basis = Basis(
        rung=rung,
        step=0,
        value=values[0],
        cut=cut[0] if len(cut) == 1 else None,
        rank=ranked.index(trial.number) + 1,
        n=len(field),
    )
    return Promotion(number=trial.number, reason=told(basis, going_on), basis=basis)


def told(basis: Basis, going_on: int) -> str:
    """Where a trial stands at a rung, in words."""
    share = f"the best {going_on} go on" if going_on != 1 else "the best one goes on"
    return f"number {basis.rank} of {basis.n} at rung {basis.rung}, where {share}"
