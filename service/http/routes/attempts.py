"""What attempts leave while they run: checkpoints and logs, as bytes."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from starlette.requests import Request
from starlette.responses import Response

from service.domain.errors import (
    ArtifactsFull,
    ArtifactsUnavailable,
    AttemptNotFound,
    CheckpointEvicted,
    CheckpointNotFound,
    ChecksumMismatch,
    NotYourAttempt,
    OffsetGap,
    Refused,
    StaleLease,
    StudyNotFound,
    TrialNotFound,
)
from service.http import convert, examples
from service.http.addresses import AttemptNumber, Step, StudyName, TrialNumber
from service.http.answers import answer
from service.http.documented import bytes_body, documented
from service.http.permissions import sender
from service.http.route import WireRoute, WorkerRoute
from service.http.services import served
from service.http.streams import Stream
from service.http.uploads import BYTES, UploadRoute, read_off, unless_empty
from service.usecases import checkpointing, logs
from service.usecases.keeping import Keeper, Place
from service.usecases.logs import LogPart
from service.wire.lease import NewCheckpoint, Sha256
from service.wire.trial import Checkpoint
from service.wire.worker import LogWritten

router = APIRouter(prefix="/v1/studies/{study:study}/trials/{number:count}", tags=["running trials"])
_CHECKPOINT = "/attempts/{attempt:count}/checkpoints/{step:count}"
_LOGS = "/attempts/{attempt:count}/logs"
_MOST_READ = 8 << 20
_TEXT = "text/plain; charset=utf-8"
Token = Annotated[int, Query(ge=1, lt=2**53, description="The token of the lease.")]
Sum = Annotated[Sha256, Query(description="The SHA-256 of the bytes, in hexadecimal.")]
Offset = Annotated[int, Query(ge=0, lt=2**53, description="The byte at which to begin.")]
MaxBytes = Annotated[int, Query(ge=1, le=_MOST_READ, description="How many bytes at most.")]
_FOR_BYTES: tuple[dict[str, Any], ...] = (
    {
        "name": "token",
        "in": "query",
        "required": False,
        "description": "The token of the lease; for bytes only.",
        "schema": {"type": "integer", "minimum": 1, "exclusiveMaximum": 2**53},
    },
    {
        "name": "sha256",
        "in": "query",
        "required": False,
        "description": "The SHA-256 of the bytes, in hexadecimal; for bytes only.",
        "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"},
    },
)


async def upload_checkpoint(
    request: Request,
    study: StudyName,
    number: TrialNumber,
    attempt: AttemptNumber,
    step: Step,
    token: Token,
    sha256: Sum,
) -> Response:
    """The bytes of a checkpoint, streamed: kept once they are whole and their sum is right."""
    place = Place(study, number, attempt, step)
    body = request.stream()
    try:
        saved = await _keeper(request).save(place, token, sha256, unless_empty(body), sender(request))
    except Refused:
        await read_off(body)
        raise
    return answer(convert.checkpoint(study, saved))


# Before the route of the same address that reads JSON, and tells of both in the document.
router.routes.append(
    UploadRoute(f"{router.prefix}{_CHECKPOINT}", upload_checkpoint, methods=["PUT"], include_in_schema=False)
)


async def commit_checkpoint(
    request: Request,
    study: StudyName,
    number: TrialNumber,
    attempt: AttemptNumber,
    step: Step,
    body: Annotated[NewCheckpoint, Body(openapi_examples=examples.CHECKPOINT)],
) -> Response:
    """The next attempt goes on from the newest one. Sent again it changes nothing; other bytes take its place.

    It renews the lease. The step is one that was reported, at most the last; what lies behind it is trained again.

    As `application/octet-stream` the bytes themselves are sent, with `token` and `sha256` in the address: the server
    keeps them. They count once all of them are safe, and older ones of the trial are removed (see the study's
    `checkpoints`).
    """
    services = served(request)
    if services.keeper is not None:
        done = await services.keeper.commit(Place(study, number, attempt, step), body, sender(request))
    else:
        commit = partial(
            checkpointing.commit,
            study=study,
            number=number,
            attempt=attempt,
            step=step,
            body=checkpointing.kept_elsewhere(body),
            ttl_seconds=services.lease_ttl_seconds,
            actor=sender(request),
        )
        done = await services.store.write(commit)
    return answer(convert.checkpoint(study, done.checkpoint))


router.add_api_route(
    _CHECKPOINT,
    commit_checkpoint,
    methods=["PUT"],
    route_class_override=WorkerRoute,
    **documented(
        "commit_checkpoint",
        "Commit a checkpoint, or send its bytes",
        answer=Checkpoint,
        example=examples.CHECKPOINTS.checkpoints[0],
        errors=[
            StudyNotFound,
            AttemptNotFound,
            StaleLease,
            NotYourAttempt,
            ChecksumMismatch,
            ArtifactsUnavailable,
            ArtifactsFull,
        ],
        extra={
            "parameters": list(_FOR_BYTES),
            "requestBody": {"content": bytes_body("the checkpoint as it is")},
        },
    ),
)


async def read_checkpoint(
    request: Request, study: StudyName, number: TrialNumber, attempt: AttemptNumber, step: Step
) -> Response:
    """The bytes of a checkpoint that the server keeps, streamed. `X-Checkpoint-Sha256` is their sum."""
    found, opened = await _keeper(request).open(Place(study, number, attempt, step), sender(request))
    headers = {
        "content-length": str(opened.size),
        "x-checkpoint-sha256": found.sha256,
        "cache-control": "no-store",
    }
    return Stream(opened.pieces, BYTES, headers)


router.add_api_route(
    _CHECKPOINT,
    read_checkpoint,
    methods=["GET"],
    route_class_override=WireRoute,
    **documented(
        "read_checkpoint",
        "Read the bytes of a checkpoint",
        streams={BYTES: "..."},
        says="The bytes as they were sent.",
        headers={"X-Checkpoint-Sha256": "The SHA-256 of the bytes."},
        errors=[
            StudyNotFound,
            TrialNotFound,
            CheckpointNotFound,
            CheckpointEvicted,
            ArtifactsUnavailable,
            NotYourAttempt,
        ],
    ),
)


async def write_log(
    request: Request, study: StudyName, number: TrialNumber, attempt: AttemptNumber, offset: Offset, token: Token
) -> Response:
    """At most 1 MB at once. What the server has already changes nothing; a gap gets `offset_gap` with `next_offset`.

    Beyond `max_log_bytes` the middle of the log is left out. The last words of an attempt that has ended are welcome.
    """
    services = served(request)
    append = partial(
        logs.append,
        study=study,
        number=number,
        attempt=attempt,
        token=token,
        offset=offset,
        data=await request.body(),
        most_bytes=services.max_log_bytes,
        actor=sender(request),
    )
    return answer(LogWritten(next_offset=await services.store.write(append)))


router.add_api_route(
    _LOGS,
    write_log,
    methods=["POST"],
    route_class_override=WireRoute,
    **documented(
        "write_log",
        "Add to the log of an attempt",
        answer=LogWritten,
        example=LogWritten(next_offset=4_096),
        errors=[StudyNotFound, AttemptNotFound, StaleLease, OffsetGap, NotYourAttempt],
        extra={"requestBody": {"required": True, "content": bytes_body("lines of a log")}},
    ),
)


async def read_log(
    request: Request,
    study: StudyName,
    number: TrialNumber,
    attempt: AttemptNumber,
    offset: Offset = 0,
    max_bytes: MaxBytes = 1 << 20,
) -> Response:
    """Go on at `X-Next-Offset`. A line says how much was left out where the log had become too long."""
    return await _log(request, study, number, attempt, offset, max_bytes)


async def read_newest_log(
    request: Request, study: StudyName, number: TrialNumber, offset: Offset = 0, max_bytes: MaxBytes = 1 << 20
) -> Response:
    """That of the newest attempt, which `X-Attempt` names; empty if there was none. Go on at `X-Next-Offset`."""
    return await _log(request, study, number, None, offset, max_bytes)


_HEADERS = {"X-Next-Offset": "Where to go on reading.", "X-Attempt": "The attempt whose log it is."}
router.add_api_route(
    _LOGS,
    read_log,
    methods=["GET"],
    route_class_override=WireRoute,
    **documented(
        "read_log",
        "Read the log of an attempt",
        streams={_TEXT: "epoch 1: val_loss 0.9\n"},
        says="A part of the log.",
        headers=_HEADERS,
        errors=[StudyNotFound, TrialNotFound, AttemptNotFound],
    ),
)
router.add_api_route(
    "/logs",
    read_newest_log,
    methods=["GET"],
    route_class_override=WireRoute,
    **documented(
        "read_newest_log",
        "Read the log of a trial's newest attempt",
        streams={_TEXT: "epoch 1: val_loss 0.9\n"},
        says="A part of the log.",
        headers=_HEADERS,
        errors=[StudyNotFound, TrialNotFound],
    ),
)


async def _log(request: Request, study: str, number: int, attempt: int | None, offset: int, max_bytes: int) -> Response:
    part = await served(request).store.read(
        partial(logs.read, study=study, number=number, attempt=attempt, offset=offset, most_bytes=max_bytes)
    )
    return _text(part)


def _text(part: LogPart) -> Response:
    headers = {
        "x-next-offset": str(part.next_offset),
        "x-attempt": str(part.attempt),
        "cache-control": "no-store",
    }
    return Response(part.data, headers=headers, media_type=_TEXT)


def _keeper(request: Request) -> Keeper:
    keeper = served(request).keeper
    if keeper is None:
        raise ArtifactsUnavailable("this server keeps no checkpoints")
    return keeper
