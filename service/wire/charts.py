"""What charts are drawn from: curves at a level of detail, trials as columns, rungs, and who trained when."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from service.wire.message import Answer, Scalar
from service.wire.objective import Direction
from service.wire.trial import AttemptState, TrialState

Axis = Literal["step", "time", "gpu"]
Scale = Literal["linear", "log"]
Values = tuple[float | None, ...]
"""Numbers with five digits; null where there is none, or no finite one."""

Why = Literal["best", "top", "running", "pruned", "asked"]
"""Why a curve is shown as a line of its own."""


class Span(Answer):
    """From where to where."""

    low: float
    high: float


class Band(Answer):
    """Quantiles of the trials at evenly spaced places along the axis: of those whose curves reach there."""

    at: Values
    p10: Values
    p50: Values
    p90: Values


class Density(Answer):
    """How many trials pass each cell of a grid of columns along the axis and rows of values."""

    columns: int
    rows: int
    values: Span = Field(description="What the rows span, evenly on the scale that was asked for.")
    counts: tuple[int, ...] = Field(description="Column by column, in each from the lowest row to the highest.")
    above: int = Field(description="Trials whose newest value lies above the span: they would squeeze everything else.")
    below: int = Field(description="The same below it, where large values are good.")


class Line(Answer):
    """The curve of one trial, thinned to 100 points that keep its peaks and gaps."""

    number: int
    state: TrialState
    why: Why = Field(description="Why it is among the lines.")
    at: Values
    values: Values


class Cut(Answer):
    """The latest cut that was applied at a rung, as it was then."""

    rung: int
    step: int
    cut: float | None
    decided_at: datetime


class Curves(Answer):
    """The learning curves of a study: density and quantiles of all, and some of them as lines."""

    study: str
    seq: int
    metric: str
    metrics: tuple[str, ...] = Field(description="All metrics that trials of the study have reported lately.")
    direction: Direction
    axis: Axis
    scale: Scale
    extent: Span = Field(description="What the curves span along the axis: steps, or hours.")
    trials: int = Field(description="How many trials have a curve.")
    read: int = Field(description="How many trials have been read so far, of `of`: after a start it takes a moment.")
    of: int
    band: Band
    density: Density | None = None
    lines: tuple[Line, ...] = ()
    cuts: tuple[Cut, ...] = ()
    not_finite: int = Field(default=0, description="Trials whose curves hold NaN or infinite values.")


class Column(Answer):
    """A parameter's values, one for each trial: numbers, or places in `choices`; null where it took no part."""

    name: str
    kind: Literal["number", "choice"]
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Scalar, ...] = ()
    values: Values


class Columns(Answer):
    """Trials as columns, in the order of their numbers."""

    study: str
    seq: int
    metrics: tuple[str, ...] = Field(description="The objectives, first the one that `values` belongs to.")
    direction: Direction
    directions: tuple[Direction, ...] = Field(default=(), description="Those of `metrics`.")
    of: int = Field(description="How many trials there are.")
    read: int = Field(description="Of how many the curves have been read so far: what a pruned trial came to is there.")
    sampled: str | None = Field(default=None, description="Which trials are shown, where not all are.")
    steps_between: tuple[int, ...] = Field(
        description="Each trial's number, as its distance from the one before: the first from -1."
    )
    states: str = Field(
        description="A letter for each trial: q(ueued) r(unning) w(aiting, paused) c(ompleted) p(runed) f(ailed) "
        "i(nfeasible) x (cancelled)."
    )
    values: Values = Field(
        description="The first objective: of what has none at its end, the newest that was reported."
    )
    others: tuple[Values, ...] = Field(
        default=(), description="The further objectives, of completed and infeasible trials."
    )
    params: tuple[Column, ...] = ()
    param_names: tuple[str, ...] = Field(default=(), description="All parameters that may be asked for.")


class Verdicts(Answer):
    """What was decided at one rung, and when: at most the newest thousand."""

    numbers: tuple[int, ...]
    values: Values
    cuts: Values
    acts: str = Field(description="A letter for each: c(ontinue) s(top) w(ait, pause) p(romote).")
    seconds: Values = Field(description="Since the study was created.")


class RungReport(Answer):
    """A rung: who came, who was cut there, who went on."""

    rung: int
    step: int
    entered: int
    stopped: int
    paused: int
    promoted: int
    went_on: int
    verdicts: Verdicts


class Saved(Answer):
    """What pruning has saved, by what the trials that completed have cost."""

    read: int = Field(description="Of how many trials the curves have been read so far, of `of`.")
    of: int
    full_steps: float | None = Field(default=None, description="How long a trial is that completes: the median.")
    saved_steps: float | None = Field(
        default=None, description="The share of steps that stopped trials did not take, of what all would have taken."
    )
    not_taken: float | None = Field(default=None, description="The same in steps: so many were not taken.")
    saved_gpu_hours: float | None = Field(default=None, description="The same in hours, where workers report them.")
    stopped: int = 0
    completed: int = 0


class Rungs(Saved):
    """The rungs of a study, from what was decided at each, and what pruning has saved."""

    study: str
    seq: int
    metric: str
    direction: Direction
    scheduler: str
    rungs: tuple[RungReport, ...] = ()
    more: int = Field(default=0, description="How many further rungs there are that are not listed.")


class Stretch(Answer):
    """One attempt on one machine: from when to when."""

    study: str
    trial: int
    attempt: int
    worker: str
    worker_id: str | None = None
    gpu: str | None = None
    state: AttemptState
    began: datetime
    ended: datetime | None = None


class Timeline(Answer):
    """Who trained what, and when: the newest attempts."""

    now: datetime
    since: datetime
    stretches: tuple[Stretch, ...] = ()
    more: bool = Field(default=False, description="Whether there were more than are listed.")
