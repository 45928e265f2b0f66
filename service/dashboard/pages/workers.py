"""The workers: which GPU does what, which one is idle, which one is lost; and how to connect another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard.fields import message, seen, sent
from service.dashboard.page import page
from service.dashboard.running import latest, thinned
from service.domain.event import Event
from service.domain.study import Study
from service.domain.trial import Attempt
from service.http import convert
from service.http.services import served
from service.http.signing import sign
from service.usecases import workers
from service.usecases.leasing import horizon
from service.usecases.ports import Transaction
from service.usecases.workers import WorkerView
from service.wire.worker import Drain, GpuState, Worker

_WINDOW = 2_000
_LATELY = timedelta(minutes=30)
_CURVES = 300
_ENDED = 30
VIEWS = (("host", "By host"), ("study", "By study"), ("timeline", "Timeline"), ("table", "Table"))


@dataclass(frozen=True, slots=True)
class Work:
    """An attempt that runs on a slot."""

    study: str
    attempt: Attempt
    value: float | None
    curve: Sequence[float]
    horizon: int | None


@dataclass(frozen=True, slots=True)
class Slot:
    """A GPU of a worker, or a place for a trial on one without."""

    name: str
    gpu: GpuState | None
    work: Sequence[Work]


@dataclass(frozen=True, slots=True)
class Machine:
    """A worker with its slots."""

    it: Worker
    slots: Sequence[Slot]

    @property
    def busy(self) -> int:
        """How many trials it runs."""
        return len(self.it.held)


async def fleet(request: Request) -> Response:
    """All workers, in the view that the address names."""
    view = request.query_params.get("view", "host")
    view = view if view in dict(VIEWS) else "host"

    def read(tx: Transaction) -> Mapping[str, Any]:
        found = machines(tx, workers.views(tx, tx.workers.list()))
        return {
            "machines": found,
            "view": view,
            "views": VIEWS,
            "tally": tally(found),
            "studies": by_study(found),
            "losses": losses(tx),
            "server": str(request.base_url).rstrip("/"),
        }

    return await page(request, "workers.html", read)


async def show(request: Request) -> Response:
    """One worker: what it has, what it runs, what ended on it last."""
    worker_id = request.path_params["worker_id"]

    def read(tx: Transaction) -> Mapping[str, Any]:
        (machine,) = machines(tx, [workers.view(tx, worker_id)])
        ended = tx.attempts.ended_on(worker_id, _ENDED)
        names = {key: study.name for key, study in tx.studies.find(sorted({one.key.study_id for one in ended})).items()}
        return {"machine": machine, "ended": [one for one in ended if one.key.study_id in names], "names": names}

    return await page(request, "worker.html", read)


async def connect(request: Request) -> Response:
    """How to connect a worker: the exact commands."""

    def read(tx: Transaction) -> Mapping[str, Any]:
        del tx
        return {"server": str(request.base_url).rstrip("/"), "needs_tokens": served(request).needs_tokens}

    return await page(request, "connect.html", read)


async def drain(request: Request) -> Response:
    """Let it take no more trials."""
    worker_id, fields = request.path_params["worker_id"], await sent(request)
    how = message(Drain, {"running": fields.text("running") or "finish", "reason": fields.text("reason")})
    sign(request, object=f"workers/{worker_id}", running=how.running)
    await served(request).store.write(lambda tx: workers.drain(tx, worker_id, how))
    return seen(f"/workers/{worker_id}")


async def undrain(request: Request) -> Response:
    """Let it take trials again."""
    worker_id = request.path_params["worker_id"]
    sign(request, object=f"workers/{worker_id}")
    await served(request).store.write(lambda tx: workers.undrain(tx, worker_id))
    return seen(f"/workers/{worker_id}")


async def forget(request: Request) -> Response:
    """Take it off the list."""
    worker_id = request.path_params["worker_id"]
    sign(request, object=f"workers/{worker_id}")
    await served(request).store.write(lambda tx: workers.forget(tx, worker_id))
    return seen("/workers")


def machines(tx: Transaction, views: Sequence[WorkerView]) -> Sequence[Machine]:
    """Workers with what runs on each of their slots; those that are present first."""
    held = [attempt for view in views for _, attempt in view.held]
    studies = tx.studies.find(sorted({one.key.study_id for one in held}))
    curves = _curves(tx, studies, held[:_CURVES])
    found = [Machine(convert.worker(view), _slots(view, studies, curves)) for view in views]
    return sorted(found, key=lambda one: (one.it.state == "offline", one.it.name))


def tally(found: Sequence[Machine]) -> Mapping[str, int]:
    """How many workers are in which state: busy, idle, draining, offline."""
    states = [("busy" if one.busy else "idle") if one.it.state == "online" else one.it.state for one in found]
    return {state: states.count(state) for state in ("busy", "idle", "draining", "offline")}


def by_study(found: Sequence[Machine]) -> Mapping[str, Sequence[tuple[Machine, Slot, Work]]]:
    """What runs, by the names of the studies."""
    made: dict[str, list[tuple[Machine, Slot, Work]]] = {}
    for machine in found:
        for slot in machine.slots:
            for work in slot.work:
                made.setdefault(work.study, []).append((machine, slot, work))
    return dict(sorted(made.items()))


def losses(tx: Transaction) -> Sequence[Event]:
    """The workers that were lost or drained by themselves of late, newest first."""
    newest = tx.events.bounds()[1]
    found = tx.events.list(max(newest - _WINDOW, 0), None, _WINDOW)
    kinds = {"worker.offline", "worker.draining"}
    return [one for one in found if one.type in kinds and tx.now - one.at < _LATELY][::-1][:3]


def _curves(
    tx: Transaction, studies: Mapping[int, Study], held: Sequence[Attempt]
) -> Mapping[tuple[int, int], Sequence[float]]:
    found: dict[tuple[int, int], Sequence[float]] = {}
    for study_id, study in studies.items():
        numbers = [one.key.number for one in held if one.key.study_id == study_id]
        read = tx.points.curves(study_id, numbers, study.definition.objectives[0].metric)
        found |= {(study_id, number): thinned([value for _, value in curve]) for number, curve in read.items()}
    return found


def _slots(
    view: WorkerView, studies: Mapping[int, Study], curves: Mapping[tuple[int, int], Sequence[float]]
) -> Sequence[Slot]:
    gpus = convert.worker(view).gpus
    works = [(attempt.gpu, _work(attempt, studies, curves)) for _, attempt in view.held]
    placed = {gpu.uuid for gpu in gpus}
    slots = [Slot(f"gpu{n}", gpu, [w for on, w in works if w and on == gpu.uuid]) for n, gpu in enumerate(gpus)]
    loose = [work for on, work in works if work is not None and on not in placed]
    if loose or not gpus:
        slots.append(Slot(f"{view.worker.slots} slot{'s' if view.worker.slots > 1 else ''}", None, loose))
    return slots


def _work(
    attempt: Attempt, studies: Mapping[int, Study], curves: Mapping[tuple[int, int], Sequence[float]]
) -> Work | None:
    study = studies.get(attempt.key.study_id)
    if study is None:
        return None
    metric = study.definition.objectives[0].metric
    curve = curves.get((attempt.key.study_id, attempt.key.number), ())
    return Work(study.name, attempt, latest(attempt, metric), curve, horizon(study.definition))
