"""The stopping rules at work: what is remembered of running trials' curves, and the decision that stops one."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from service.domain.decision import Decision
from service.domain.stopping import Rules, Stop, Watch
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Point
from service.usecases.ports import Transaction
from service.wire.lease import Directive
from service.wire.stopping import StoppingRule

_ATTEMPTS_KNOWN = 100_000
_POINTS_AT_ONCE = 10_000


class Watches:
    """The watches of one process. Each may be lost at any time: it is made anew of the curve.

    A watch is good for the point behind the one that it ends with. What another process took in, or a write that was
    undone, leaves a gap, and a watch with a gap is thrown away.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[AttemptKey, Watch] = OrderedDict()

    def look(self, tx: Transaction, study: Study, attempt: Attempt, points: Sequence[Point]) -> Stop | None:
        """Whether an attempt, as it was before these points, is to stop at one of them."""
        rules = Rules(study.definition)
        if not rules.remembers:
            return rules.follow(Watch(), points)[1]
        watch, stop = rules.follow(self._before(tx, rules, attempt), points)
        self._kept[attempt.key] = watch
        self._kept.move_to_end(attempt.key)
        if len(self._kept) > _ATTEMPTS_KNOWN:
            self._kept.popitem(last=False)
        return stop

    def _before(self, tx: Transaction, rules: Rules, attempt: Attempt) -> Watch:
        kept = self._kept.get(attempt.key)
        if kept is not None and (kept.seq, kept.step) == (attempt.acked_seq, attempt.last_step):
            return kept
        watch = Watch()
        if attempt.acked_seq or attempt.resume_step is not None:
            for point in live_points(tx, attempt.key.study_id, attempt.key.number):
                watch = rules.seen(watch, point)
        return replace(watch, seq=attempt.acked_seq, step=attempt.last_step)


def live_points(tx: Transaction, study_id: int, number: int) -> list[Point]:
    """The curve of a trial over all its attempts, in the order of steps, without what was superseded."""
    points: list[Point] = []
    place = (0, 0)
    while chunk := tx.points.list(study_id, number, place, _POINTS_AT_ONCE):
        points += chunk
        place = (chunk[-1].key.attempt, chunk[-1].seq)
        if len(chunk) < _POINTS_AT_ONCE:
            break
    return sorted((point for point in points if not point.superseded), key=lambda point: point.step)


def decision(key: AttemptKey, stop: Stop, now: datetime) -> Decision:
    """The decision that a rule has made, with what it was based on."""
    basis = {"rule": stop.rule, "step": stop.step, "value": stop.value}
    if stop.cut is not None:
        basis["cut"] = stop.cut
    return Decision(key=key, step=stop.step, act="stop", reason=stop.reason, basis=basis, at=now)


def told(stop: Stop) -> Directive:
    """What the trial's client is told."""
    return Directive(type="stop", reason=stop.reason)


def rule_of(tx: Transaction, attempt: Attempt) -> tuple[StoppingRule, str] | None:
    """The rule that told an attempt to stop, and its reason; None where a scheduler or a user did, or nobody."""
    if attempt.directive is None or attempt.directive.type != "stop":
        return None
    for made in tx.decisions.list(attempt.key.study_id, attempt.key.number):
        if made.key == attempt.key and made.act == "stop" and "rule" in made.basis:
            return made.basis["rule"], made.reason or ""
    return None
