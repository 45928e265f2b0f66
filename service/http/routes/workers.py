"""Workers: they introduce themselves, ask for trials, say that they live; people look at them and drain them."""

from typing import Annotated

from fastapi import APIRouter, Body, Path
from starlette.requests import Request
from starlette.responses import Response

from service.domain.errors import ProtocolUnsupported, RequestReused, WorkerNotFound, WorkerTaken, WrongState
from service.http import convert, worker_examples
from service.http.answers import answer
from service.http.documented import documented
from service.http.permissions import sender
from service.http.route import WireRoute, WorkerRoute
from service.http.services import served
from service.usecases import workers
from service.usecases.acquiring import Acquirer
from service.usecases.beating import Beat, beat_together
from service.usecases.ports import Transaction
from service.usecases.workers import HEARTBEATS_PER_TTL, WorkerView
from service.wire import worker as wire
from service.wire.worker import PROTOCOL, WorkerId

router = APIRouter(prefix="/v1/workers", tags=["workers"], route_class=WireRoute)
# What each of a thousand idle workers calls all the time.
_often = APIRouter(prefix="/v1/workers", tags=["workers"], route_class=WorkerRoute)
_FINISH = wire.Drain()
Id = Annotated[
    WorkerId,
    Path(description="A UUID that the worker keeps, in small letters.", examples=[worker_examples.WORKER.id]),
]


@router.put(
    "/{worker_id:worker}",
    **documented(
        "register_worker",
        "Introduce a worker",
        answer=wire.WorkerAccepted,
        example=worker_examples.ACCEPTED,
        errors=[ProtocolUnsupported, WorkerTaken],
    ),
)
async def register(
    request: Request,
    worker_id: Id,
    body: Annotated[wire.NewWorker, Body(openapi_examples=worker_examples.NEW)],
) -> Response:
    """At its start, and whenever a call is answered by `worker_not_found`. Sent again it changes nothing.

    A second live instance of an id is refused, unless it `replaces` the one that is known.
    """
    services = served(request)
    ttl = services.lease_ttl_seconds
    worker = await services.store.write(lambda tx: workers.register(tx, worker_id, body, ttl_seconds=ttl))
    return answer(
        wire.WorkerAccepted(
            id=worker.id,
            ttl_seconds=ttl,
            heartbeat_seconds=ttl / HEARTBEATS_PER_TTL,
            protocol=PROTOCOL,
            server_version=services.version,
            clock_skew_seconds=worker.clock_skew,
        )
    )


@_often.post(
    "/{worker_id:worker}:acquire",
    **documented(
        "acquire",
        "Ask for trials of any study that the worker can serve",
        answer=wire.Acquired,
        example=worker_examples.ACQUIRED,
        errors=[WorkerNotFound, WorkerTaken, RequestReused],
    ),
)
async def acquire(
    request: Request,
    worker_id: Id,
    body: Annotated[wire.Acquire, Body(openapi_examples=worker_examples.ACQUIRE)],
) -> Response:
    """Studies of a higher priority first, then those that run least. Waits up to `wait_seconds` when there is nothing.

    Sent again with the same `request_id`, the same leases are answered.
    """
    services = served(request)
    acquirer = services.acquirer or Acquirer(
        services.store, None, ttl_seconds=services.lease_ttl_seconds, drain_bad_machines=True
    )
    return answer(await acquirer.acquire(worker_id, body, sender(request)))


@_often.post(
    "/{worker_id:worker}:heartbeat",
    **documented(
        "heartbeat",
        "Say that a worker lives, and renew all that it holds",
        answer=wire.HeartbeatAnswer,
        example=worker_examples.BEATEN,
        errors=[WorkerNotFound, WorkerTaken],
    ),
)
async def heartbeat(
    request: Request,
    worker_id: Id,
    body: Annotated[wire.Heartbeat, Body(openapi_examples=worker_examples.BEAT)],
) -> Response:
    """Every `heartbeat_seconds`. A lease that is `gone` was given to another or has ended: stop what runs there."""
    services = served(request)
    if services.gathering is not None and not body.leases and not body.leaving:
        # Nothing hangs on it: those of a thousand idle workers share a commit.
        await services.gathering.wait()
    waits = services.attendance is not None and services.attendance.knows(worker_id)
    beat = Beat(worker_id, body, services.lease_ttl_seconds, sender(request), waits)
    return answer(await services.store.write_together(beat_together, beat))


@router.get(
    "",
    **documented("list_workers", "List workers", answer=wire.WorkerList, example=worker_examples.WORKERS),
)
async def list_(request: Request) -> Response:
    """Those seen last first, each with what it runs."""

    def read(tx: Transaction) -> Response:
        found = workers.views(tx, tx.workers.list())
        return answer(wire.WorkerList(workers=tuple(map(convert.worker, found))))

    return await served(request).store.read(read)


@router.get(
    "/{worker_id:worker}",
    **documented(
        "get_worker", "Read a worker", answer=wire.Worker, example=worker_examples.WORKER, errors=[WorkerNotFound]
    ),
)
async def get(request: Request, worker_id: Id) -> Response:
    """With its GPUs as they fared at its last heartbeat, and what it runs."""
    return _told(await served(request).store.read(lambda tx: workers.view(tx, worker_id)))


@router.post(
    "/{worker_id:worker}:drain",
    **documented(
        "drain_worker",
        "Let a worker take no more trials",
        answer=wire.Worker,
        example=worker_examples.WORKER,
        errors=[WorkerNotFound],
    ),
)
async def drain(
    request: Request,
    worker_id: Id,
    how: Annotated[wire.Drain, Body(openapi_examples=worker_examples.DRAIN)] = _FINISH,
) -> Response:
    """What it runs it finishes; with `"running": "preempt"` it checkpoints and gives back at once."""

    def write(tx: Transaction) -> WorkerView:
        return workers.view(tx, workers.drain(tx, worker_id, how).id)

    return _told(await served(request).store.write(write))


@router.post(
    "/{worker_id:worker}:undrain",
    **documented(
        "undrain_worker",
        "Let a worker take trials again",
        answer=wire.Worker,
        example=worker_examples.WORKER,
        errors=[WorkerNotFound],
    ),
)
async def undrain(request: Request, worker_id: Id) -> Response:
    """Also one that the server drained for its failures: they are forgiven."""

    def write(tx: Transaction) -> WorkerView:
        return workers.view(tx, workers.undrain(tx, worker_id).id)

    return _told(await served(request).store.write(write))


@router.delete(
    "/{worker_id:worker}",
    **documented(
        "forget_worker",
        "Forget a worker",
        status=204,
        says="It is forgotten.",
        errors=[WorkerNotFound, WrongState],
    ),
)
async def forget(request: Request, worker_id: Id) -> Response:
    """Refused while it holds trials. One that lives introduces itself again."""
    await served(request).store.write(lambda tx: workers.forget(tx, worker_id))
    return Response(status_code=204)


def _told(view: WorkerView) -> Response:
    return answer(convert.worker(view))


# Routes are tried one after the other: these soon.
router.routes[1:1] = _often.routes
