"""How a worker introduces itself, and what it says when it is not let in."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.wire.worker import PROTOCOL, NewWorker, Selectors, WorkerAccepted
from worker.client import Client
from worker.identity import Identity
from worker.problems import WorkerProblem
from worker.retry import Denied, Refused
from worker.slots import Slot


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a worker was started for."""

    name: str
    version: str
    trainers: tuple[str, ...]
    labels: Mapping[str, str]
    selectors: Selectors
    slots: tuple[Slot, ...]
    exit_when_idle: float | None = None
    max_trials: int | None = None


async def introduce(
    client: Client, identity: Identity, plan: Plan, now: Callable[[], datetime], before: Sequence[str]
) -> WorkerAccepted:
    """Say who we are, and that each instance that may be known as the one before is gone: the newest first."""
    last: Refused | None = None
    for replaces in (*reversed(before), None):
        try:
            return await client.introduce(identity.id, _new_worker(identity, plan, now(), replaces))
        except Refused as refused:
            if refused.code != "worker_taken":
                raise problem_of(refused, identity) from None
            last = refused
    assert last is not None
    raise problem_of(last, identity)


def problem_of(refused: Refused, identity: Identity) -> WorkerProblem:
    """A refusal of the worker itself, with what to do about it."""
    if refused.code == "worker_taken":
        return WorkerProblem(
            f"another worker runs with the id of this one ({identity.id}): {refused.detail}",
            hint=f"Was {identity.folder} copied? Give each worker a folder of its own with --workdir.",
        )
    if refused.code == "protocol_unsupported":
        return WorkerProblem(
            f"this worker and the server do not speak the same protocol (ours is {PROTOCOL}): {refused.detail}",
            hint=refused.hint or "Upgrade the older of the two: pip install --upgrade basin",
        )
    if isinstance(refused, Denied):
        return WorkerProblem(
            f"the server does not let this worker in: {refused.detail}",
            hint=refused.hint or "Give it a token of a worker: --token-file FILE, or BASIN_TOKEN.",
        )
    return WorkerProblem(f"the server does not take this worker: {refused.detail}", hint=refused.hint)


def _new_worker(identity: Identity, plan: Plan, now: datetime, replaces: str | None) -> NewWorker:
    gpus = {slot.gpu.uuid: slot.gpu for slot in plan.slots if slot.gpu is not None}
    return NewWorker(
        instance=identity.instance,
        replaces=replaces,
        name=plan.name,
        protocol=PROTOCOL,
        agent_version=plan.version,
        python_version=platform.python_version(),
        labels=dict(plan.labels),
        gpus=tuple(gpus.values()),
        slots=len(plan.slots),
        trainers=plan.trainers,
        clock=now,
    )
