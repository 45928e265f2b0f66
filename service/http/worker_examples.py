"""Examples of the calls of workers, for the OpenAPI document."""

from datetime import UTC, datetime

from service.http import examples
from service.wire import worker
from service.wire.lease import Directive

_ID = "5c8d1d0e-7d0f-4b9a-9a55-0c1f2f3a4b5c"
_INSTANCE = "0f" * 16
_GPU = {"uuid": "GPU-1f2e3d4c", "model": "NVIDIA H100 80GB HBM3", "memory_bytes": 85_520_809_984}
_USE = {"uuid": "GPU-1f2e3d4c", "utilisation": 0.93, "memory_used_bytes": 31_000_000_000, "temperature": 61.0}
_SEEN = datetime(2026, 1, 1, 9, 34, tzinfo=UTC)

NEW = {
    "a node with one GPU": {
        "value": {
            "instance": _INSTANCE,
            "name": "node-3",
            "protocol": 1,
            "agent_version": "0.1.0",
            "labels": {"zone": "a"},
            "gpus": [_GPU],
            "slots": 1,
            "trainers": ["cnn"],
        }
    }
}
ACCEPTED = worker.WorkerAccepted(id=_ID, ttl_seconds=60.0, heartbeat_seconds=10.0, protocol=1, server_version="0.1.0")
ACQUIRE = {
    "one trial": {
        "value": {"instance": _INSTANCE, "request_id": "0d5b6a1c-9d0e-4c1b-9a57-54c3b1d6f7aa", "max_trials": 1}
    },
    "of some studies": {
        "value": {"instance": _INSTANCE, "request_id": "2", "selectors": {"tags": ["team/vision"]}, "wait_seconds": 20}
    },
}
ACQUIRED = worker.Acquired(leases=examples.LEASES.leases, directive=Directive(type="continue"))
BEAT = {
    "one lease": {
        "value": {
            "instance": _INSTANCE,
            "leases": [{"study": "digits-mlp", "trial": 17, "attempt": 1, "token": 1, "gpu": "GPU-1f2e3d4c"}],
            "gpus": [_USE],
        }
    },
    "the last one": {"value": {"instance": _INSTANCE, "leaving": True}},
}
BEATEN = worker.HeartbeatAnswer(
    leases=(
        worker.HeldAnswer(
            study="digits-mlp", trial=17, attempt=1, state="renewed", directive=Directive(type="continue")
        ),
    ),
    directive=Directive(type="continue"),
)
DRAIN = {
    "let it finish": {"value": {"running": "finish", "reason": "maintenance at ten"}},
    "at once": {"value": {"running": "preempt"}},
}
WORKER = worker.Worker(
    id=_ID,
    name="node-3",
    state="online",
    agent_version="0.1.0",
    python_version="3.11.7",
    labels={"zone": "a"},
    gpus=(worker.GpuState.model_validate({**_GPU, **_USE}),),
    slots=1,
    trainers=("cnn",),
    held=(worker.HeldAttempt(study="digits-mlp", trial=17, attempt=1, gpu="GPU-1f2e3d4c"),),
    first_seen_at=_SEEN,
    last_seen_at=_SEEN,
)
WORKERS = worker.WorkerList(workers=(WORKER,))
