"""When a single trial ends before its time, whatever the scheduler says: patience, target, divergence, NaN."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from service.wire.message import Identifier, Request, refuse
from service.wire.objective import Direction

StoppingRule = Literal["nan", "divergence", "target", "patience"]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Watched(Request):
    """What a rule that follows one curve has: the metric, and from which step on it looks."""

    metric: Identifier | None = Field(default=None, description="The first objective's, if none is named.")
    direction: Direction | None = Field(
        default=None, description="Which way is better; needed for a metric that is no objective."
    )
    warmup_steps: int = Field(default=0, ge=0, description="Points before this step are not looked at.")


class Patience(Watched):
    """Stop a trial whose metric has not improved for so many reports, or for so many steps."""

    reports: int | None = Field(default=None, ge=1, description="Points with the metric in a row without improvement.")
    steps: int | None = Field(default=None, ge=1, description="Steps since the best point.")
    min_delta: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="What counts as an improvement.")

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.reports is None) == (self.steps is None):
            raise refuse("patience_measure", "must have either 'reports' or 'steps'")
        return self


class Divergence(Watched):
    """Stop a trial whose metric has become worse than a limit, or by far worse than it was."""

    limit: Finite | None = Field(
        default=None, description="A worse value than this is too bad: a greater one when minimizing."
    )
    factor: float | None = Field(
        default=None,
        gt=1,
        allow_inf_nan=False,
        description="So many times as bad: worse than the reference by more than (factor - 1) times its size.",
    )
    of: Literal["first", "best"] = Field(
        default="first", description="The reference of 'factor': the first value of the curve, or its best so far."
    )

    @model_validator(mode="after")
    def _a_measure(self) -> Self:
        if self.limit is None and self.factor is None:
            raise refuse("divergence_empty", "must have 'limit', 'factor' or both")
        return self


class Stopping(Request):
    """When a trial is stopped early. What is not named is not watched."""

    patience: Patience | None = None
    target: dict[Identifier, Finite] | None = Field(
        default=None,
        min_length=1,
        max_length=8,
        description="Objectives and values that are good enough: the trial ends once all of them are reached. "
        "An objective's own 'target' ends the study.",
    )
    divergence: Divergence | None = None
    nan: Literal["stop", "ignore"] = Field(
        default="stop", description="What an objective that is NaN or infinite does to its trial."
    )
