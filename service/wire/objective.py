"""What a study tries to make small or large, and what it may spend."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from service.wire.message import FixedSettings, Identifier, Request, Seconds, refuse

Direction = Literal["minimize", "maximize"]
Reading = Literal["last", "best", "mean_last"]


class Objective(Request):
    """One metric that the trials report, the direction that is better, and how its curve becomes one value."""

    metric: Identifier = Field(examples=["val_loss"])
    direction: Direction = "minimize"
    value: Reading = Field(
        default="last",
        description="How a curve becomes the trial's value: its last point, its best, or the mean of the last k.",
    )
    last_k: int = Field(default=1, ge=1, le=1000, description="How many points 'mean_last' takes.")
    target: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="A value that is good enough: the study may end once a trial reaches it.",
    )

    @field_validator("last_k")
    @classmethod
    def _only_for_means(cls, last_k: int, info: ValidationInfo) -> int:
        if last_k != 1 and info.data.get("value", "mean_last") != "mean_last":
            raise refuse("last_k", "is only for value: mean_last")
        return last_k


class NoGain(Request):
    """When a study has stopped getting better: so many completed trials in a row, none of them a gain."""

    trials: int = Field(ge=1, le=10_000_000, description="Trials that completed one after another without a gain.")
    min_gain: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="A trial is a gain if it is better by more than this, in an objective's own unit, than the best "
        "at the last gain; with several objectives, in at least one of them against every trial that was a gain.",
    )


class Budget(Request):
    """What a study may spend, all trials and workers together. What is not named is not limited."""

    max_trials: int | None = Field(
        default=None, ge=1, le=10_000_000, description="Trials in all, whatever becomes of them."
    )
    max_completed: int | None = Field(default=None, ge=1, le=10_000_000, description="Trials that ran to their end.")
    max_running: int | None = Field(default=None, ge=1, le=100_000, description="Trials at the same time.")
    wall_time: Seconds | None = Field(default=None, description="From the study's creation, pauses included.")
    gpu_hours: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="As the workers report them.")
    no_gain: NoGain | None = Field(
        default=None, description="End once so many trials in a row have completed without a gain."
    )


class Retry(Request):
    """How often a trial may be taken up again after it was lost or failed by no fault of its own."""

    max_attempts: int = Field(default=3, ge=1, le=100)
    backoff: float = Field(
        default=2.0,
        ge=0,
        le=3_600,
        allow_inf_nan=False,
        description="Seconds before a trial that was lost is handed out again; twice as long after each further loss.",
    )
    avoid_node: bool = Field(
        default=True, description="Whether a trial that a node's fault ended goes to another node, if there is one."
    )
    strikes: int = Field(
        default=3,
        ge=0,
        le=100,
        description="At so many different points the same crash pauses the study; 0 lets it go on.",
    )


class Retention(Request):
    """Which of the checkpoints that the server keeps stay. The one that a trial would go on from always does."""

    keep_last: int = Field(default=1, ge=1, le=1_000, description="So many of each trial: the newest.")
    max_bytes: int | None = Field(
        default=None,
        ge=1,
        lt=2**53,
        description="All of the study together. Those of ended trials go first, the worst ones before the others; "
        "those of paused trials last.",
    )


class Limits(Request):
    """How long a worker lets a trial of the study be silent, and run. What is not named the worker decides."""

    step_timeout: Seconds | None = Field(default=None, description="From one report to the next.")
    first_step_timeout: Seconds | None = Field(default=None, description="Up to the first report: compiling counts.")
    trial_time: Seconds | None = Field(default=None, description="A whole attempt.")


class Requirements(Request):
    """What a worker must have to be given a trial of the study."""

    gpus: int = Field(default=0, ge=0, le=1, description="Whether a trial needs a GPU.")
    gpu_models: tuple[str, ...] = Field(
        default=(), max_length=20, description="The GPU's model must hold one of these texts, such as 'H100'."
    )
    gpu_memory_gib: float | None = Field(default=None, gt=0, le=10_000, allow_inf_nan=False)
    labels: dict[str, str] = Field(default_factory=dict, max_length=20, description="Labels that the worker must have.")


class Trainer(Request):
    """Which trainer the workers run, and settings that are the same in every trial."""

    name: Identifier = Field(examples=["digits-cnn"])
    settings: FixedSettings = Field(default_factory=dict)
