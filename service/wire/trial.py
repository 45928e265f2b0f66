"""A trial: how one is added, and what the server tells of it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from service.wire.message import MAX_POINTS, Answer, Attrs, Metrics, Number, Params, Request, RequestId

TrialState = Literal["queued", "running", "paused", "completed", "pruned", "failed", "infeasible", "cancelled"]
AttemptState = Literal["leased", "running", "completed", "pruned", "paused", "preempted", "failed", "lost"]
FailureClass = Literal["oom", "nan", "crash", "infra", "preempted", "timeout", "cancelled", "user_error"]
Act = Literal["continue", "pause", "stop", "promote"]
Origin = Literal["enqueued", "added", "sampled"]
Purpose = Literal["search", "confirm", "refit", "reproduce"]
MAX_BATCH = 200


class Failure(Request):
    """Why an attempt ended badly: its class steers what happens next."""

    failure_class: FailureClass = Field(alias="class")
    message: str = Field(default="", max_length=2_000)
    tail: str = Field(default="", max_length=16_000, description="The last lines of the log or traceback.")
    signal: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="The signal that ended the process, if one did: it may be the node's fault.",
    )

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class NewPoint(Request):
    """One point of a learning curve."""

    step: int = Field(
        ge=0, lt=2**53, description="Epochs, batches, samples: whatever the trainer counts. It only grows."
    )
    metrics: Metrics = Field(min_length=1)
    elapsed: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="Seconds of training so far.")
    cost: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="GPU seconds so far.")


class NewTrial(Request):
    """A trial to be run with given parameters, or one that ran elsewhere and brings its results."""

    params: Params = Field(examples=[{"learning_rate": 0.001, "dropout": 0.2, "batch_size": 32, "optimizer": "adamw"}])
    state: Literal["queued", "completed", "pruned", "failed", "infeasible"] = Field(
        default="queued", description="'queued' is to be run; any other state is a result from elsewhere."
    )
    values: Metrics | None = Field(
        default=None, description="The objectives' values; a completed trial needs them all."
    )
    points: tuple[NewPoint, ...] = Field(default=(), max_length=MAX_POINTS)
    failure: Failure | None = None
    attrs: Attrs = Field(default_factory=dict)
    request_id: RequestId | None = Field(
        default=None,
        description="Sent again with the same id, the same trial is answered.",
    )


class NewTrials(Request):
    """Many trials at once: all of them are added, in their order, or none."""

    trials: tuple[NewTrial, ...] = Field(min_length=1, max_length=MAX_BATCH)


class RetryTrials(Request):
    """Trials that came to nothing and are to be tried once more: all of them are queued again, or none."""

    trials: tuple[Annotated[int, Field(ge=0, lt=2**53)], ...] = Field(
        min_length=1, max_length=MAX_BATCH, description="Their numbers."
    )


class TrialNumbers(Answer):
    """The numbers of the trials that were added, in the order in which they were sent."""

    numbers: tuple[int, ...]


class Trial(Answer):
    """A trial as it stands."""

    study: str
    number: int
    state: TrialState
    origin: Origin
    purpose: Purpose = Field(
        default="search",
        description="What it is run for: any but 'search' is another run of a trial, and no part of the search.",
    )
    rerun_of: int | None = Field(default=None, description="The trial that it runs again, if it does.")
    params: Params = Field(description="What is searched.")
    resolved: Params = Field(description="What the trainer is given: constants and derived parameters too.")
    values: Metrics | None = None
    suggestion: dict[str, object] | None = Field(
        default=None, description="Where a sampled trial's parameters come from: the sampler, and what it knew."
    )
    attrs: dict[str, object] = Field(default_factory=dict)
    attempts: int = Field(description="How many attempts there have been.")
    last_step: int | None = None
    last_metrics: Metrics | None = None
    failure: Failure | None = None
    duplicate_of: int | None = Field(
        default=None,
        description="Told of a trial that was just enqueued: the first trial that has the same parameters.",
    )
    seq: int
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Decision(Answer):
    """What a scheduler or a stopping rule decided of a running trial, and what it was based on at that moment."""

    attempt: int
    step: int
    act: Act
    reason: str | None = None
    rule: str | None = Field(
        default=None,
        description="The rule of `stopping` that decided, or `trainer`: it gave the trial up by itself. A scheduler "
        "did, if there is none.",
    )
    rung: int | None = Field(
        default=None, description="The how many-th decision of a trial this is, where that counts."
    )
    value: Number | None = Field(default=None, description="What the trial had.")
    cut: Number | None = Field(default=None, description="What it would have needed.")
    rank: int | None = Field(default=None, description="Its place among those it was compared with, the best being 1.")
    n: int | None = Field(default=None, description="How many it was compared with.")
    at: datetime


class DecisionList(Answer):
    """The decisions on a trial, in the order of attempts and steps."""

    decisions: tuple[Decision, ...]


class TrialList(Answer):
    """One page of trials."""

    trials: tuple[Trial, ...]
    next_page_token: str | None = None


class RetriedTrials(Answer):
    """Trials as they stand after they were retried."""

    trials: tuple[Trial, ...]


class Point(Answer):
    """One point of a learning curve as it is stored."""

    attempt: int
    step: int
    metrics: Metrics
    elapsed: float | None = None
    cost: float | None = None
    superseded: bool = Field(default=False, description="A later attempt went back before this step.")


class PointList(Answer):
    """A learning curve, or a part of it."""

    points: tuple[Point, ...]
    next_page_token: str | None = None


class Continuity(Answer):
    """How a curve went on after a resume: a jump says that something of the training's state was not restored."""

    metric: str
    before: Number = Field(description="The median of the last points before the step that it went on from.")
    after: Number = Field(description="The median of the first points after it.")
    times_noise: Number = Field(description="By how many times the curve's own noise it has become worse.")
    jumped: bool


class Attempt(Answer):
    """One lease of a trial by one worker."""

    attempt: int
    state: AttemptState
    worker: str
    granted_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    last_step: int | None = None
    failure: Failure | None = None
    gpu_seconds: Number | None = None
    resumes: bool = Field(default=False, description="Whether its client can go on with a trial that was paused.")
    worker_id: str | None = Field(default=None, description="The worker's id, if it introduced itself.")
    gpu: str | None = Field(default=None, description="The uuid of the GPU that it runs on.")
    resume_step: int | None = Field(default=None, description="The step of the checkpoint that it went on from.")
    directive_id: int | None = Field(default=None, description="The id of the last directive that it was given.")
    obeyed: int | None = Field(default=None, description="The id of the last directive that its worker has obeyed.")
    continuity: Continuity | None = Field(
        default=None, description="How the curve went on, once enough points of an attempt that was resumed are there."
    )


class AttemptList(Answer):
    """All attempts of a trial."""

    attempts: tuple[Attempt, ...]


class Checkpoint(Answer):
    """A state of training that was saved whole and can be taken up again."""

    attempt: int
    step: int
    uri: str = Field(description="Where it is kept; an address of this server, if the server keeps it.")
    sha256: str
    size: int
    committed_at: datetime
    stored: bool = Field(default=False, description="Whether this server keeps its bytes.")


class CheckpointList(Answer):
    """The committed checkpoints of a trial, newest first."""

    checkpoints: tuple[Checkpoint, ...]
