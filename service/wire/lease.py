"""The protocol of those who run trials: ask for one, report its curve, complete it."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from service.wire.message import (
    MAX_POINTS,
    Answer,
    Metrics,
    Params,
    Request,
    RequestId,
    WorkerName,
    printable,
    refuse,
)
from service.wire.objective import Limits, Objective, Trainer
from service.wire.trial import Failure, NewPoint, Purpose

Token = Annotated[int, Field(ge=1)]
_SHA256 = re.compile("[0-9a-f]{64}")


def _sha256(value: str) -> str:
    digest = value.lower()
    if _SHA256.fullmatch(digest) is None:
        raise refuse("sha256", "must be a SHA-256 in hexadecimal: 64 digits and letters from a to f")
    return digest


Sha256 = Annotated[str, AfterValidator(_sha256), WithJsonSchema({"type": "string", "pattern": "^[0-9a-fA-F]{64}$"})]
CheckpointUri = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(printable)]
Outcome = Literal["completed", "pruned", "paused", "preempted", "failed"]


class Ask(Request):
    """Ask for trials to run."""

    worker: WorkerName = Field(description="Who asks: shown beside the attempt.")
    max_trials: int = Field(default=1, ge=1, le=64)
    wait_seconds: float = Field(
        default=10.0, ge=0, le=30, description="How long to wait for a trial when none is queued."
    )
    request_id: RequestId | None = Field(
        default=None,
        description="Sent again with the same id, the same leases are answered.",
    )
    resumes: bool = Field(
        default=False,
        description="Whether this client keeps checkpoints and can go on with a trial that was paused.",
    )


class Lease(Answer):
    """The right to run one attempt of a trial until it expires; each report renews it."""

    study: str
    trial: int
    attempt: int
    token: int = Field(description="Grows with every lease of the trial; a write with an older one is refused.")
    ttl_seconds: float
    params: Params
    resume_step: int | None = Field(default=None, description="The step of the checkpoint to go on from.")
    resume_checkpoint: str | None = Field(
        default=None,
        description="Where it is kept. If it begins with /v1/ this server keeps it: GET it there.",
    )
    seed: int
    resume_attempt: int | None = Field(default=None, description="The attempt that saved that checkpoint.")
    resume_sha256: str | None = None
    resume_size: int | None = None
    trainer: Trainer | None = Field(default=None, description="What the study wants to be run, with its settings.")
    objectives: tuple[Objective, ...] = ()
    horizon: int | None = Field(default=None, description="The largest step that a trial of the study may come to.")
    limits: Limits = Limits()
    purpose: Purpose = Field(
        default="search",
        description="What it is run for. 'refit' trains on all data but the sealed test split, and then looks at that.",
    )
    steps: int | None = Field(default=None, description="How far a rerun is to come, where that is known.")
    data_fingerprint: str | None = Field(
        default=None,
        description="Of the data that the study's first trial was trained on: one with other data must not begin.",
    )


class LeaseList(Answer):
    """The leases granted: none when nothing is queued."""

    leases: tuple[Lease, ...]


class Directive(Answer):
    """What to do next, and why."""

    type: Literal["continue", "checkpoint", "pause", "stop", "drain"]
    reason: str | None = None
    id: int | None = Field(default=None, description="Grows with each directive of an attempt; a worker confirms it.")


class Report(Request):
    """Points of a learning curve, in order. A repeated report changes nothing."""

    token: Token
    first_seq: int = Field(
        ge=1, lt=2**53, description="The number of the first point: points are numbered 1, 2, 3 … in an attempt."
    )
    data_fingerprint: Sha256 | None = Field(
        default=None,
        description="The SHA-256 of the data that the trial is trained on, in hexadecimal. The first one is kept with "
        "the study; a report with another one is refused.",
    )
    points: tuple[NewPoint, ...] = Field(
        max_length=MAX_POINTS, description="None at all only beside a data_fingerprint, before training begins."
    )

    @field_validator("points")
    @classmethod
    def _tells_something(cls, points: tuple[NewPoint, ...], info: ValidationInfo) -> tuple[NewPoint, ...]:
        if not points and info.data.get("data_fingerprint") is None:
            raise refuse("points", "must have at least 1 item, unless data_fingerprint is told before training begins")
        return points


class Reported(Answer):
    """How far the server has the curve, and what to do next."""

    acked_seq: int
    directive: Directive


class NewCheckpoint(Request):
    """A state of training that is kept elsewhere: where, and what it must hold."""

    token: Token
    uri: CheckpointUri = Field(description="Where it is kept, in a form that the client itself can read again.")
    sha256: Sha256 = Field(description="The SHA-256 of its bytes, in hexadecimal.")
    size: int = Field(ge=0, lt=2**53, description="Its bytes.")


class Usage(Request):
    """What an attempt used."""

    gpu_seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    wall_seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class Complete(Request):
    """The end of an attempt. It is written once: the same body again gets the same answer, another is refused."""

    token: Token
    outcome: Outcome
    values: Metrics | None = Field(default=None, description="Read from the curve if they are not given.")
    failure: Failure | None = None
    usage: Usage = Usage()
    reason: str | None = Field(
        default=None,
        max_length=2_000,
        description="Why a client pruned a trial that nobody had told to stop: kept as a decision on the trial.",
    )


class Completed(Answer):
    """What became of the trial."""

    trial: int
    attempt: int
    state: str = Field(description="The trial's state now.")
    values: Metrics | None = None
