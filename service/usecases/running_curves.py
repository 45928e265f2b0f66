"""The curves of running attempts, remembered point by point: whoever judges one need not read it again."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.domain.trial import AttemptKey, Point
from service.usecases.engine import Curve, judged
from service.usecases.reporting import GO_ON, ReportItem, Taken, points
from service.wire.lease import Reported

_ATTEMPTS_KNOWN = 10_000
_STUDIES_KNOWN = 1_000


@dataclass(slots=True)
class _Known:
    metric: str
    last_step: int | None
    curve: Curve
    last: Taken


class RunningCurves:
    """The curves of the attempts whose every report this process took in itself. Any may be lost: it is read then."""

    def __init__(self) -> None:
        self._known: OrderedDict[AttemptKey, _Known] = OrderedDict()
        self._last: OrderedDict[str, Taken] = OrderedDict()

    def follow(self, taken: Taken) -> None:
        """Add the points of a report that stands in the database."""
        if not taken.points:
            return
        metric = judged(taken.study.definition)
        known = self._known.get(taken.key)
        if known is None and taken.before is None and taken.key.attempt == 1:
            known = self._known[taken.key] = _Known(metric, None, Curve(), taken)
        if known is None:
            return
        if (known.metric, known.last_step) != (metric, taken.before):
            # Another process took in what lies between, or the study is judged by something else now.
            del self._known[taken.key]
            return
        _add(known.curve, metric, taken.points)
        known.last_step, known.last = taken.points[-1].step, taken
        self._last[taken.study.name] = taken
        self._last.move_to_end(taken.study.name)
        self._known.move_to_end(taken.key)
        for kept, most in ((self._known, _ATTEMPTS_KNOWN), (self._last, _STUDIES_KNOWN)):
            if len(kept) > most:
                kept.popitem(last=False)

    def learn(self, taken: Taken, curve: Curve) -> None:
        """Take over a curve that was read, if it ends where this report does."""
        last = taken.points[-1].step
        if curve and curve.steps[-1] == last:
            self._known[taken.key] = _Known(judged(taken.study.definition), last, curve.copy(), taken)

    def of(self, taken: Taken) -> Curve | None:
        """The curve up to this report, if it is known."""
        known = self._known.get(taken.key)
        if known is None or known.last_step != taken.points[-1].step:
            return None
        return known.curve.copy()

    def ahead(self, item: ReportItem) -> Taken | None:
        """What a report will be once it is taken in, if all before it is known here. It may yet come otherwise.

        The first one of a trial is taken for what the last of its study would be in its place.
        """
        last = self._last.get(item.study)
        if last is None:
            return None
        key = AttemptKey(last.key.study_id, item.number, item.attempt)
        known = self._known.get(key)
        begins = known is None and (item.attempt, item.report.first_seq) == (1, 1)
        if not begins and (known is None or known.last.answer.acked_seq + 1 != item.report.first_seq):
            return None
        new = points(key, item.report)
        if not new:
            return None
        told = Reported(acked_seq=new[-1].seq, directive=GO_ON)
        before, same = (None, last) if known is None else (known.last_step, known.last)
        return replace(same, answer=told, key=key, before=before, points=tuple(new))

    def with_points(self, taken: Taken) -> Curve | None:
        """The curve with the points of a report that is still to be taken in."""
        known = self._known.get(taken.key)
        if known is None and taken.before is None and taken.key.attempt == 1:
            known = _Known(judged(taken.study.definition), None, Curve(), taken)
        if known is None or known.last_step != taken.before:
            return None
        curve = known.curve.copy()
        _add(curve, known.metric, taken.points)
        return curve


def _add(curve: Curve, metric: str, new: Sequence[Point]) -> None:
    for point in new:
        if metric in point.metrics:
            curve.add(point.step, point.metrics[metric])
