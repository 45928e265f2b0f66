"""The curves of running attempts, remembered point by point: whoever judges one need not read it again."""

from collections import OrderedDict
from dataclasses import dataclass

from service.domain.trial import AttemptKey
from service.usecases.engine import Curve, judged
from service.usecases.reporting import Taken

_ATTEMPTS_KNOWN = 10_000


@dataclass(slots=True)
class _Known:
    metric: str
    last_step: int | None
    curve: Curve


class RunningCurves:
    """The curves of the attempts whose every report this process took in itself. Any may be lost: it is read then."""

    def __init__(self) -> None:
        self._known: OrderedDict[AttemptKey, _Known] = OrderedDict()

    def follow(self, taken: Taken) -> None:
        """Add the points of a report that stands in the database."""
        if not taken.points:
            return
        metric = judged(taken.study.definition)
        known = self._known.get(taken.key)
        if known is None and taken.before is None and taken.key.attempt == 1:
            known = self._known[taken.key] = _Known(metric, None, Curve())
        if known is None:
            return
        if (known.metric, known.last_step) != (metric, taken.before):
            # Another process took in what lies between, or the study is judged by something else now.
            del self._known[taken.key]
            return
        for point in taken.points:
            if metric in point.metrics:
                known.curve.add(point.step, point.metrics[metric])
        known.last_step = taken.points[-1].step
        self._known.move_to_end(taken.key)
        if len(self._known) > _ATTEMPTS_KNOWN:
            self._known.popitem(last=False)

    def learn(self, taken: Taken, curve: Curve) -> None:
        """Take over a curve that was read, if it ends where this report does."""
        last = taken.points[-1].step
        if curve and curve.steps[-1] == last:
            self._known[taken.key] = _Known(judged(taken.study.definition), last, curve.copy())

    def of(self, taken: Taken) -> Curve | None:
        """The curve up to this report, if it is known."""
        known = self._known.get(taken.key)
        if known is None or known.last_step != taken.points[-1].step:
            return None
        return known.curve.copy()
