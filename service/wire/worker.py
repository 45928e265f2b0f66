"""The protocol of workers: who they are, which trials they take, and what they hear about those that they hold.

Five calls, all made by the worker: `PUT /v1/workers/{id}`, `:acquire`, `:heartbeat`, and for each attempt `:report` and
`:complete` (`wire/lease.py`). Checkpoints and logs travel beside them.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from service.wire.lease import Directive, Lease, Token
from service.wire.message import (
    Answer,
    Identifier,
    Name,
    Note,
    Request,
    RequestId,
    Tag,
    WorkerName,
    matching,
    printable,
)

PROTOCOL = 1
"""What this version speaks. It grows when a worker and a server of different numbers cannot work together."""

OLDEST_PROTOCOL = 1
"""The oldest protocol that a server of this version still speaks."""

MAX_HELD = 1_000
WorkerId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Instance = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
LabelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-/]{0,62}$")]
_LABEL = r"^[\w.\-/@+ ]{0,100}$"
LabelValue = Annotated[str, AfterValidator(matching(_LABEL)), WithJsonSchema({"type": "string", "pattern": _LABEL})]
Labels = Annotated[dict[LabelName, LabelValue], Field(max_length=50)]
WorkerState = Literal["online", "draining", "offline"]
GpuId = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(printable)]
ShortText = Annotated[str, Field(max_length=200), AfterValidator(printable)]
ProgramVersion = Annotated[str, Field(max_length=100), AfterValidator(printable)]


class Gpu(Request):
    """One GPU of a worker."""

    uuid: GpuId
    model: ShortText = Field(default="", examples=["NVIDIA H100 80GB HBM3"])
    memory_bytes: int = Field(default=0, ge=0, lt=2**53)


class GpuUse(Request):
    """How one GPU fares at this moment; what cannot be measured is left out."""

    uuid: GpuId
    utilisation: float | None = Field(default=None, ge=0, le=1, description="The share of time that it computes.")
    memory_used_bytes: int | None = Field(default=None, ge=0, lt=2**53)
    temperature: float | None = Field(default=None, ge=-100, le=500, description="In degrees Celsius.")


class NewWorker(Request):
    """A worker as it introduces itself, at its start and whenever a server does not know it any more."""

    instance: Instance = Field(description="Drawn at each start of the worker, so that two with one id are told apart.")
    replaces: Instance | None = Field(
        default=None,
        description="The instance that ran before in the same folder, which its lock shows to be gone. "
        "What it still held is given back.",
    )
    name: WorkerName = Field(description="For people: the host's name if nothing else was chosen.")
    protocol: int = Field(ge=1, lt=2**31)
    agent_version: ProgramVersion = Field(min_length=1)
    python_version: ProgramVersion = ""
    labels: Labels = Field(default_factory=dict)
    gpus: tuple[Gpu, ...] = Field(default=(), max_length=64)
    slots: int = Field(ge=1, le=MAX_HELD, description="How many trials it runs at the same time.")
    trainers: tuple[Identifier, ...] = Field(min_length=1, max_length=100, description="The trainers it was given.")
    clock: datetime | None = Field(default=None, description="Its wall clock, so that one that is off is told.")


class WorkerAccepted(Answer):
    """What a worker is told when it is let in. Only durations: its clock need not be right."""

    id: str
    ttl_seconds: float = Field(description="A lease that is not renewed for so long is lost.")
    heartbeat_seconds: float
    protocol: int
    server_version: str
    clock_skew_seconds: float | None = Field(default=None, description="By how much its clock is ahead of ours.")


class Selectors(Request):
    """Which studies a worker serves; any, if it does not say. Of names and of tags one must fit, of both one each."""

    studies: tuple[Name, ...] = Field(default=(), max_length=100)
    tags: tuple[Tag, ...] = Field(default=(), max_length=100)


class Acquire(Request):
    """Ask for trials of any study that this worker can serve."""

    instance: Instance
    request_id: RequestId = Field(description="Sent again with the same id, the same leases are answered.")
    max_trials: int = Field(default=1, ge=1, le=64, description="As many as there are free slots.")
    wait_seconds: float = Field(default=20.0, ge=0, le=50, description="How long to wait when there is none.")
    selectors: Selectors = Selectors()
    resumes: bool = Field(default=True, description="Whether it keeps checkpoints and goes on with paused trials.")


class Acquired(Answer):
    """The leases that were granted, and whether the worker is to take any more."""

    leases: tuple[Lease, ...]
    directive: Directive


class Held(Request):
    """One attempt that a worker holds, as it stands there."""

    study: Name
    trial: int = Field(ge=0, lt=2**53)
    attempt: int = Field(ge=1, lt=2**31)
    token: Token
    gpu: GpuId | None = Field(default=None, description="The uuid of the GPU it runs on.")
    obeyed: int | None = Field(default=None, ge=1, lt=2**31, description="The id of the last directive it has obeyed.")


class Heartbeat(Request):
    """A worker is alive; so is what it holds: the leases are renewed."""

    instance: Instance
    leases: tuple[Held, ...] = Field(default=(), max_length=MAX_HELD)
    gpus: tuple[GpuUse, ...] = Field(default=(), max_length=64)
    clock: datetime | None = None
    leaving: bool = Field(default=False, description="The last one: the worker ends, and holds nothing any more.")


class HeldAnswer(Answer):
    """What one attempt is to do. `gone`: it was given to another or has ended, and what it does is for nothing."""

    study: str
    trial: int
    attempt: int
    state: Literal["renewed", "gone"]
    directive: Directive


class HeartbeatAnswer(Answer):
    """What the worker is to do, and each of the attempts that it holds."""

    leases: tuple[HeldAnswer, ...]
    directive: Directive = Field(description="`continue`, or `drain`: take no more trials.")
    clock_skew_seconds: float | None = None
    heartbeat_seconds: float | None = Field(
        default=None, gt=0, description="When to beat again at the latest: a worker that holds nothing has more time."
    )


class Worker(Answer):
    """A worker as the server knows it."""

    id: str
    name: str
    state: WorkerState
    reason: str | None = Field(default=None, description="Why it drains, if somebody or something said so.")
    agent_version: str
    python_version: str = ""
    labels: dict[str, str]
    gpus: tuple["GpuState", ...] = ()
    slots: int
    trainers: tuple[str, ...]
    held: tuple["HeldAttempt", ...] = Field(default=(), description="The attempts that it runs.")
    clock_skew_seconds: float | None = None
    first_seen_at: datetime
    last_seen_at: datetime


class GpuState(Answer):
    """A GPU of a worker, and how it fared at the last heartbeat."""

    uuid: str
    model: str = ""
    memory_bytes: int = 0
    utilisation: float | None = None
    memory_used_bytes: int | None = None
    temperature: float | None = None


class HeldAttempt(Answer):
    """An attempt that a worker runs."""

    study: str
    trial: int
    attempt: int
    gpu: str | None = None


class WorkerList(Answer):
    """The workers, those seen last first."""

    workers: tuple[Worker, ...]


class Drain(Request):
    """Let a worker take no more trials; what it runs it finishes, or checkpoints and gives back at once."""

    running: Literal["finish", "preempt"] = "finish"
    reason: Annotated[Note, Field(max_length=500)] = ""


class LogWritten(Answer):
    """How many bytes of an attempt's log the server has: what comes next begins there."""

    next_offset: int


class Stored(Answer):
    """A checkpoint whose bytes the server keeps: what a worker reads of the answer, which is a `Checkpoint`."""

    attempt: int
    step: int
    sha256: str
    size: int
