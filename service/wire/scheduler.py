"""The schedulers a study may name: who decides, at which steps, whether a trial goes on."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from service.wire.message import Identifier, Request, refuse
from service.wire.sampler import by_name


class Deciding(Request):
    """What every scheduler that decides has: the metric it looks at (the first objective's, if none is named)."""

    metric: Identifier | None = None


class AutoScheduler(Deciding):
    """The scheduler that fits the trainer and the budget."""

    type: Literal["auto"]


class NoScheduler(Request):
    """Every trial runs to its end."""

    type: Literal["none"]


class Rungs(Deciding):
    """Decisions at steps that grow by a factor, in whatever unit the trainer reports as its step."""

    min_resource: int = Field(default=1, ge=1, description="The step of the first decision.")
    max_resource: int | None = Field(default=None, ge=1, description="The step at which a trial is done.")
    reduction_factor: int = Field(default=4, ge=2, le=100)

    @field_validator("max_resource")
    @classmethod
    def _order(cls, most: int | None, info: ValidationInfo) -> int | None:
        least = info.data.get("min_resource")
        if most is not None and least is not None and most < least:
            raise refuse("order", "must not be less than min_resource ({least})", least=least)
        return most


class AshaScheduler(Rungs):
    """Asynchronous successive halving (Li et al. 2020) that pauses trials and promotes them later, or stops them."""

    type: Literal["asha"]
    mode: Literal["promote", "stop"] = "promote"
    resource: Identifier = Field(
        default="step",
        description="What min_resource and max_resource count: 'step', 'elapsed' or 'cost' (seconds), "
        "or a reported metric that only grows, such as samples.",
    )


class HyperbandScheduler(Rungs):
    """Hyperband (Li et al. 2018): several successive halvings side by side."""

    type: Literal["hyperband"]

    @model_validator(mode="after")
    def _needs_most(self) -> Self:
        if self.max_resource is None:
            raise refuse("max_resource", "hyperband needs max_resource: its brackets are cut from it")
        return self


class MedianScheduler(Deciding):
    """Stop a trial whose best value so far is worse than the median of the others at the same step."""

    type: Literal["median"]
    startup_trials: int = Field(default=5, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    interval_steps: int = Field(default=1, ge=1)
    min_trials: int = Field(default=1, ge=1)


class PercentileScheduler(Deciding):
    """Stop a trial that is outside the best percentile at the same step."""

    type: Literal["percentile"]
    percentile: float = Field(ge=0, le=100)
    startup_trials: int = Field(default=5, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    interval_steps: int = Field(default=1, ge=1)
    min_trials: int = Field(default=1, ge=1)


class ThresholdScheduler(Deciding):
    """Stop a trial that leaves the given bounds."""

    type: Literal["threshold"]
    lower: float | None = Field(default=None, allow_inf_nan=False)
    upper: float | None = Field(default=None, allow_inf_nan=False)
    warmup_steps: int = Field(default=0, ge=0)
    interval_steps: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _a_bound(self) -> Self:
        if self.lower is None and self.upper is None:
            raise refuse("threshold_empty", "must have 'lower', 'upper' or both")
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise refuse("threshold_order", "lower must not be greater than upper")
        return self


class WilcoxonScheduler(Deciding):
    """Stop a trial whose fold scores are worse than the best trial's by a signed-rank test."""

    type: Literal["wilcoxon"]
    p_threshold: float = Field(default=0.1, gt=0, lt=1)
    startup_steps: int = Field(default=2, ge=0)


class PatientScheduler(Deciding):
    """Let another scheduler decide only once a trial has not improved for a while."""

    type: Literal["patient"]
    patience: int = Field(ge=0)
    min_delta: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    wrapped: "Wrapped | None" = None


Wrapped = Annotated[
    HyperbandScheduler | MedianScheduler | PercentileScheduler | ThresholdScheduler | AshaScheduler,
    Field(discriminator="type"),
    BeforeValidator(by_name),
]
AnyScheduler = Annotated[
    AutoScheduler
    | NoScheduler
    | AshaScheduler
    | HyperbandScheduler
    | MedianScheduler
    | PercentileScheduler
    | PatientScheduler
    | ThresholdScheduler
    | WilcoxonScheduler,
    Field(discriminator="type"),
    BeforeValidator(by_name),
]
PatientScheduler.model_rebuild()
