"""When a trial is stopped by the study's own rules: from its curve alone, point by point, without other trials.

A `Watch` is what must be remembered of a curve to judge its next point. It is made of the points and nothing else, so
every process that has seen the same points comes to the same verdict.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from service.domain.curve import better
from service.domain.trial import Point, nothing
from service.wire.objective import Direction
from service.wire.stopping import Divergence, Patience, StoppingRule, Watched
from service.wire.study import StudyDefinition


@dataclass(frozen=True, slots=True)
class Line:
    """One curve so far: its first and its best number, where that was, and how many points came since."""

    first: float = math.nan
    best: float = math.nan
    best_step: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of a curve up to a point: `seq` and `step` say which one it is."""

    seq: int = 0
    step: int | None = None
    patience: Line | None = None
    divergence: Line | None = None
    last: Mapping[str, float] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why a trial is stopped: by which rule, at which point, and in words."""

    rule: StoppingRule
    step: int
    value: float
    cut: float | None = None
    reason: str


class Rules:
    """The rules of one study, made ready to look at many points."""

    def __init__(self, definition: StudyDefinition) -> None:
        rules = definition.stopping
        self._objectives = {objective.metric: objective.direction for objective in definition.objectives}
        self._nan = rules.nan == "stop"
        self._patience = self._on(rules.patience)
        self._divergence = self._on(rules.divergence)
        self._targets = rules.target or {}
        far = rules.divergence is not None and rules.divergence.factor is not None
        self.remembers = rules.patience is not None or far or len(self._targets) > 1
        """Whether a rule needs to know the points before; otherwise each point tells by itself."""

    def follow(self, watch: Watch, points: Iterable[Point]) -> tuple[Watch, Stop | None]:
        """Look at the points behind a watch, up to the first at which the trial is to stop."""
        for point in points:
            if self.remembers:
                watch = self.seen(watch, point)
            if stop := self._verdict(watch, point):
                return watch, stop
        return watch, None

    def seen(self, watch: Watch, point: Point) -> Watch:
        """The watch with one point more."""
        patience, divergence, last = watch.patience, watch.divergence, watch.last
        if self._patience is not None:
            patience = self._patience.longer(patience, point)
        if self._divergence is not None:
            divergence = self._divergence.longer(divergence, point)
        if self._targets:
            last = {**last, **{name: point.metrics[name] for name in self._targets if name in point.metrics}}
        return Watch(point.seq, point.step, patience, divergence, last)

    def _on(self, rule: Patience | Divergence | None) -> "_Follower | None":
        if rule is None:
            return None
        metric = rule.metric or next(iter(self._objectives))
        return _Follower(rule, metric, rule.direction or self._objectives.get(metric, "minimize"))

    def _verdict(self, watch: Watch, point: Point) -> Stop | None:
        """The first of the rules, the gravest first, by which a trial stops at this point."""
        stop = self._not_a_number(point) if self._nan else None
        if stop is None and self._divergence is not None:
            stop = self._divergence.diverged(watch.divergence, point)
        if stop is None and self._targets:
            stop = self._reached({**watch.last, **point.metrics}, point)
        if stop is None and self._patience is not None:
            stop = self._patience.stuck(watch.patience, point)
        return stop

    def _not_a_number(self, point: Point) -> Stop | None:
        for metric in self._objectives:
            value = point.metrics.get(metric, 0.0)
            if not math.isfinite(value):
                reason = f"{metric} is {'NaN' if math.isnan(value) else 'infinite'} at step {point.step}"
                return Stop(rule="nan", step=point.step, value=value, reason=reason)
        return None

    def _reached(self, last: Mapping[str, float], point: Point) -> Stop | None:
        for metric, aim in self._targets.items():
            value = last.get(metric, math.nan)
            if math.isnan(value) or better(aim, value, self._objectives[metric]):
                return None
        metric, aim = next(iter(self._targets.items()))
        told = ", ".join(f"{name} {last[name]:g} (target {good:g})" for name, good in self._targets.items())
        reason = f"the trial's target is reached: {told}"
        return Stop(rule="target", step=point.step, value=last[metric], cut=aim, reason=reason)


@dataclass(frozen=True, slots=True)
class _Follower:
    """A rule that follows the curve of one metric."""

    rule: Patience | Divergence
    metric: str
    direction: Direction

    def longer(self, line: Line | None, point: Point) -> Line | None:
        """A curve with one point more. Its best is the last that beat the best before it, by more than `min_delta`."""
        if not _counts(self.rule, self.metric, point):
            return line
        value = point.metrics[self.metric]
        if line is None:
            return Line(value if math.isfinite(value) else math.nan, value, point.step)
        first = value if math.isnan(line.first) and math.isfinite(value) else line.first
        min_delta = self.rule.min_delta if isinstance(self.rule, Patience) else 0.0
        if better(value, self._worse(line.best, -min_delta), self.direction):
            return Line(first, value, point.step)
        return Line(first, line.best, line.best_step, line.since + 1)

    def diverged(self, line: Line | None, point: Point) -> Stop | None:
        """Whether a value is too bad by itself, or by far worse than the curve was."""
        rule = self.rule
        if not isinstance(rule, Divergence) or not _counts(rule, self.metric, point):
            return None
        value = point.metrics[self.metric]
        if math.isnan(value):
            return None
        cut, than = rule.limit, "the limit"
        if cut is None or not better(cut, value, self.direction):
            cut, than = self._far(rule, line), f"{rule.factor or 1:g} times its {rule.of} value"
        if cut is None or not better(cut, value, self.direction):
            return None
        reason = f"{self.metric} has diverged: {value:g} at step {point.step} is worse than {than} ({cut:g})"
        return Stop(rule="divergence", step=point.step, value=value, cut=cut, reason=reason)

    def stuck(self, line: Line | None, point: Point) -> Stop | None:
        """Whether a curve has not improved for as long as it may."""
        rule = self.rule
        if not isinstance(rule, Patience) or line is None or not line.since or not _counts(rule, self.metric, point):
            return None
        points, steps = line.since, point.step - line.best_step
        if (rule.reports is not None and points < rule.reports) or (rule.steps is not None and steps < rule.steps):
            return None
        long = f"{points} report(s)" if rule.reports is not None else f"{steps} step(s)"
        by = f" by more than {rule.min_delta:g}" if rule.min_delta else ""
        best = f"its best was {line.best:g} at step {line.best_step}"
        return Stop(
            rule="patience",
            step=point.step,
            value=point.metrics[self.metric],
            cut=self._worse(line.best, -rule.min_delta),
            reason=f"{self.metric} has not improved{by} for {long}: {best}",
        )

    def _far(self, rule: Divergence, line: Line | None) -> float | None:
        """The value that is so many times as bad as the reference; below 0, and when maximizing, it lies as far off.

        A reference of 0 has no size: whatever came behind it would be infinitely many times as bad.
        """
        reference = math.nan if line is None else line.first if rule.of == "first" else line.best
        if rule.factor is None or reference == 0 or not math.isfinite(reference):
            return None
        return self._worse(reference, (rule.factor - 1) * abs(reference))

    def _worse(self, value: float, by: float) -> float:
        return value + by if self.direction == "minimize" else value - by


def _counts(rule: Watched, metric: str, point: Point) -> bool:
    return point.step >= rule.warmup_steps and metric in point.metrics
