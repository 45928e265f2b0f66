"""The scheduler `auto`: one pool of paused trials, and a portfolio of two who promote from it.

One is successive halving, which looks at nothing but the rungs. The other is a model of the curves, which is asked
every other time: it goes on with whatever it expects most of for the training still needed. If that is a new trial,
halving has its say. The evidence is in `docs/decisions/0008-a-portfolio-over-one-pool.md`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from service.domain.trial import Trial
from service.search.distributions import Layout
from service.search.pool.candidates import candidates
from service.search.pool.contest import directions
from service.search.pool.controls import CONTROL, Spending, agreements
from service.search.pool.cube import Cube
from service.search.pool.curves import FACTOR, Sightings, amounts
from service.search.pool.halving import promotable, told
from service.search.pool.knowledge import PACE, Knowledge
from service.search.pool.rungs import SHOWN, Ladder, Values, entries, shown, shows
from service.search.pool.standings import Standings
from service.search.seeds import hash64
from service.usecases.engine import Basis, Curve, History, Latest, Promotion, Verdict
from service.wire.study import StudyDefinition

_GO_ON = Verdict(act="continue")
_LADDER = Ladder(1.0, FACTOR)


class Portfolio:
    """The pool of one study with one objective."""

    def __init__(self, definition: StudyDefinition, layout: Layout) -> None:
        self._definition = definition
        self._metric = definition.objectives[0].metric
        self._ways = directions(definition, self._metric)
        self._standings = Standings(self._ways)
        self._sightings = Sightings(Cube(layout), definition.objectives[0])
        self._spending = Spending(self._sightings)

    def know(self, history: History, seed: int) -> Knowledge:
        """What is known at one moment."""
        return Knowledge(self._sightings, history, seed)

    def wants_control(self, history: History, number: int) -> bool:
        """Whether the trial of this number should be a control. One at a time asks."""
        return self._spending.wants_control(history, number)

    def shown(self, trial: Trial, curve: Curve, latest: Latest) -> tuple[int, Mapping[str, Any], int] | None:
        """The rung that a trial has just come to, what is to be remembered of it, and the step of the next one."""
        first = curve.steps[0]
        amount = amounts([latest.step], first)[0]
        reached, known = _LADDER.reached(amount), shown(trial)
        values = shows(self._definition, self._metric, curve, latest) if reached > len(known) else None
        if values is None:
            return None
        known += [values] * (reached - len(known))
        timed = {PACE: latest.elapsed / amount} if latest.elapsed else {}
        return reached - 1, {SHOWN: entries(known), **timed}, self.next_step(first, reached)

    def next_step(self, first: int, reached: int) -> int:
        """The step of the next rung."""
        return int(_LADDER.at(reached)) - 1 if first == 0 else first * int(_LADDER.at(reached))

    def judge(self, history: History, trial: Trial, curve: Curve, latest: Latest) -> Verdict:
        """Whether a trial that can be paused goes on past the rung that it has come to."""
        found = self.shown(trial, curve, latest)
        if found is None:
            reached = _LADDER.reached(amounts([latest.step], curve.steps[0])[0])
            late = reached <= len(shown(trial))
            return replace(_GO_ON, next_step=self.next_step(curve.steps[0], reached) if late else latest.step + 1)
        rung, system, next_step = found
        values = shown(replace(trial, system=system))[rung]
        verdict = self._stand(history, trial, rung, latest.step, values)
        return replace(verdict, system=system, next_step=next_step)

    def _stand(self, history: History, trial: Trial, rung: int, step: int, values: Values) -> Verdict:
        going_on = self._standings.count(history, trial.number, rung) // FACTOR
        basis = self._standings.stand(history, trial.number, rung, step, values, going_on)
        if trial.system.get(CONTROL):
            return Verdict(act="continue", reason="it is a control, which trains to the end", basis=basis)
        idle = [one for one in agreements(history, self._definition) if one.rung == rung and not one.decides]
        if idle:
            return Verdict(
                act="continue",
                reason=f"rung {rung} decides nothing: over {idle[0].controls} controls its order agrees with that at "
                f"the end by {idle[0].correlation:.2f} only",
                basis=basis,
            )
        goes_on = (basis.rank or 0) <= going_on
        return Verdict(
            act="continue" if goes_on else "pause", reason=None if goes_on else told(basis, going_on), basis=basis
        )

    def promote(self, history: History, number: int, *, last_round: bool) -> Promotion | None:
        """The paused trial to go on with; None if a new one should begin.

        `last_round`: there are no new trials left. Halving alone decides then, for the model would go on with all.
        """
        seed = hash64("promote", history.study.definition.seed or 0, number, history.study.seq)
        if not last_round and seed % 2:
            known = self.know(history, seed % 2**32)
            if known.enough and (promotion := self._by_gain(known)) is not None:
                return promotion
        return promotable(history, ways=self._ways, factor=FACTOR, at_least=1 if last_round else 0)

    def _by_gain(self, known: Knowledge) -> Promotion | None:
        """The paused trial of which the most is expected for the training it needs, unless more is of a new one."""
        paused = known.paused
        if not paused:
            return None
        places = np.array([known.places[trial.number] for trial in paused])
        left = np.array([max(known.most - known.newest[trial.number].amount, 1.0) for trial in paused])
        gains = known.model.gain(known.cube.features(places)) / np.sqrt(left * known.paces(places))
        best = int(np.argmax(gains))
        new = known.gain(candidates(known, np.random.default_rng(known.seed))).max() / np.sqrt(known.most)
        if new > gains[best]:
            return None
        trial = paused[best]
        at = known.newest[trial.number]
        minimizes = self._definition.objectives[0].direction == "minimize"
        return Promotion(
            number=trial.number,
            reason=f"the curve model expects more of it than of any other of {len(paused)} that are paused, or of a "
            f"new one, for the training it still needs ({at.amount:.3g} of {known.most:.3g} done)",
            basis=Basis(
                rung=len(shown(trial)) - 1, step=0, value=at.loss if minimizes else -at.loss, rank=1, n=len(paused)
            ),
        )
