"""All that the charts of one study and one metric need, and what they are told of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np

from service.charts.grid import COLUMNS, ROWS, Density, Grid
from service.charts.letters import LETTERS, MOST_SHOWN
from service.charts.packed import Curve, packed
from service.charts.rung_ledger import MOST_RUNGS, RungLedger
from service.charts.saving import saving
from service.charts.span import Span
from service.charts.thinning import Floats, shortened, thinned
from service.charts.trace import MOST_POINTS, Trace
from service.charts.trial_columns import TrialColumns
from service.domain.decision import Decision
from service.domain.errors import Invalid
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.charting import Reading, Wanted
from service.usecases.engine import judged
from service.usecases.ports import Mark
from service.wire import charts as wire
from service.wire.charts import Axis, Scale
from service.wire.objective import Direction

_STATES = {letter: state for state, letter in LETTERS.items()}


class ChartSheet:
    """The `Sheet` port: curves, grids made of them where they are looked at, columns of trials, rungs."""

    def __init__(self, study: Study, metric: str) -> None:
        objectives = {one.metric: one.direction for one in study.definition.objectives}
        self._metric = metric
        # Cuts are of that metric, and would mean nothing among the values of another.
        self._cut = metric == judged(study.definition)
        self._direction: Direction = objectives.get(metric, "minimize")
        self._columns = TrialColumns(study.definition)
        self._ledger = RungLedger()
        self._traces: dict[int, Trace] = {}
        self._seconds: dict[int, float] = {}
        self._grids: dict[Axis, Grid] = {}
        self.points = 0

    def take(self, trials: Iterable[Trial], now: datetime) -> None:
        """Trials that have changed."""
        for trial in trials:
            self._columns.put(trial)
            if trial.started_at is not None:
                self._seconds[trial.number] = ((trial.finished_at or now) - trial.started_at).total_seconds()

    def put(self, number: int, marks: Sequence[Mark], decisions: Sequence[Decision]) -> None:
        """The whole curve of a trial, and all that was decided of it."""
        self._ledger.put(number, decisions)
        trace = Trace(marks)
        self.points += len(trace) - len(self._traces.get(number, ()))
        self._traces[number] = trace
        self._changed(number)

    def extend(self, number: int, marks: Sequence[Mark], decisions: Sequence[Decision]) -> None:
        """New points of a trial, and all that was decided of it."""
        self._ledger.put(number, decisions)
        trace = self._traces.setdefault(number, Trace())
        before = len(trace)
        trace.extend(marks)
        self.points += len(trace) - before
        self._changed(number)

    def _changed(self, number: int) -> None:
        for grid in self._grids.values():
            grid.put(number)

    def _grid(self, axis: Axis) -> Grid:
        if axis not in self._grids:
            grid = self._grids[axis] = Grid(self._direction, lambda number: self._along(number, axis))
            for number in self._traces:
                grid.put(number)
        return self._grids[axis]

    def _along(self, number: int, axis: Axis) -> tuple[Floats, Floats]:
        return self._traces[number].along(axis, self._seconds.get(number))

    def curves(self, reading: Reading, wanted: Wanted) -> wire.Curves:
        """Density, quantiles and lines."""
        grid = self._grid(wanted.axis)
        tenth, middle, most = (tuple(shortened(one)) for one in grid.quantiles())
        extent = grid.extent
        return wire.Curves(
            study=reading.study.name,
            seq=reading.study.seq,
            metric=self._metric,
            metrics=reading.metrics,
            direction=self._direction,
            axis=wanted.axis,
            scale=wanted.scale,
            extent=wire.Span(low=extent.low, high=extent.high),
            trials=sum(1 for trace in self._traces.values() if len(trace)),
            read=reading.read,
            of=reading.of,
            band=wire.Band(at=tuple(shortened(extent.columns)), p10=tenth, p50=middle, p90=most),
            density=self._density(grid.density(wanted.scale)) if wanted.density and len(grid) else None,
            lines=tuple(self._lines(wanted)),
            cuts=self._ledger.cuts() if self._cut else (),
            not_finite=sum(1 for trace in self._traces.values() if trace.broken),
        )

    def _density(self, density: Density) -> wire.Density:
        low, high = density.span.low, density.span.high
        newest = [trace.last for trace in self._traces.values()]
        return wire.Density(
            columns=COLUMNS,
            rows=ROWS,
            values=_span(density.span),
            counts=tuple(density.counts[:, 1:-1].ravel().tolist()),
            above=sum(value > high for value in newest) if self._direction == "minimize" else 0,
            below=sum(value < low for value in newest) if self._direction == "maximize" else 0,
        )

    def _lines(self, wanted: Wanted) -> list[wire.Line]:
        best = self._columns.best(max(1, wanted.top)) if wanted.best else []
        # The last reason that a trial has is the one that is told.
        found: tuple[tuple[wire.Why, Iterable[int]], ...] = (
            ("pruned", self._columns.newest("pruned", wanted.pruned)),
            ("top", best[: wanted.top]),
            ("running", self._columns.newest("running", wanted.running)),
            ("asked", wanted.numbers),
            ("best", best[:1]),
        )
        reasons = {number: why for why, numbers in found for number in numbers}
        return [self._line(number, why, wanted.axis) for number, why in reasons.items() if self._traces.get(number)]

    def _line(self, number: int, why: wire.Why, axis: Axis) -> wire.Line:
        places, values = self._along(number, axis)
        kept = thinned(values, MOST_POINTS)
        return wire.Line(
            number=number,
            state=_STATES[self._columns.letter(number)],
            why=why,
            at=tuple(shortened(places[kept], 6)),
            values=tuple(shortened(values[kept])),
        )

    def packed(self, reading: Reading, axis: Axis, scale: Scale) -> bytes:
        """All curves as bytes; refused where they are too many to be told apart."""
        if len(self._columns) > MOST_SHOWN:
            raise Invalid.field(
                "study",
                f"has {len(self._columns):,} trials: single curves are sent of {MOST_SHOWN:,} at most, "
                "ask for /curves, whose density has all of them",
            )
        grid = self._grid(axis)
        span = grid.density(scale).span
        curves = [self._curve(number, axis) for number, trace in sorted(self._traces.items()) if len(trace)]
        best = self._columns.best(1)
        head: dict[str, object] = {
            "study": reading.study.name,
            "seq": reading.study.seq,
            "metric": self._metric,
            "axis": axis,
            "best": best[0] if best else None,
            "read": reading.read,
            "of": reading.of,
        }
        return packed(head, grid.extent, span, curves, whole=axis == "step")

    def _curve(self, number: int, axis: Axis) -> Curve:
        places, values = self._along(number, axis)
        kept = thinned(values, MOST_POINTS)
        return Curve(number, self._columns.letter(number), places[kept], values[kept])

    def columns(self, reading: Reading, names: Sequence[str] | None) -> wire.Columns:
        """The trials as columns."""
        return self._columns.told(reading.study, reading.read, names, self._newest)

    def _newest(self, number: int) -> float:
        trace = self._traces.get(number)
        return trace.last if trace else np.nan

    def rungs(self, reading: Reading, scheduler: str) -> wire.Rungs:
        """What was decided at each rung, and what that has saved."""
        return wire.Rungs(
            **dict(self.saved(reading)),
            study=reading.study.name,
            seq=reading.study.seq,
            metric=self._metric,
            direction=self._direction,
            scheduler=scheduler,
            rungs=self._ledger.reports(reading.study.created_at),
            more=max(0, len(self._ledger) - MOST_RUNGS),
        )

    def saved(self, reading: Reading) -> wire.Saved:
        """What stopping trials early has saved."""
        states = {number: _STATES[self._columns.letter(number)] for number in self._traces}
        found = saving({number: (states[number], trace) for number, trace in self._traces.items() if len(trace)})
        return wire.Saved(
            read=reading.read,
            of=reading.of,
            full_steps=found.full_steps,
            saved_steps=found.steps,
            not_taken=found.not_taken,
            saved_gpu_hours=found.gpu_hours,
            stopped=found.stopped,
            completed=found.completed,
        )


def _span(span: Span) -> wire.Span:
    return wire.Span(low=span.low, high=span.high)


def make_sheet(study: Study, metric: str) -> ChartSheet:
    """An empty sheet."""
    return ChartSheet(study, metric)
