"""Examples of answers and requests, for the OpenAPI document: real messages, so that they cannot grow stale."""

from datetime import UTC, datetime, timedelta

from service.wire import lease, server, study, trial
from service.wire.event import Event
from service.wire.message import Scalar
from service.wire.warm_start import TakenFrom, WarmStarted

_THEN = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
_LATER = _THEN + timedelta(minutes=4)
_POINT: dict[str, Scalar] = {"learning_rate": 0.0031, "dropout": 0.1, "batch_size": 64, "optimizer": "adamw"}
_GIVEN: dict[str, Scalar] = {**_POINT, "scaled_rate": 0.000775}

DEFINITION = study.StudyDefinition.model_validate({**study.DEFINITION_EXAMPLE, "seed": 7})

STUDY = study.Study(
    name="digits-mlp",
    state="active",
    archived=False,
    definition=DEFINITION,
    revision=1,
    seq=42,
    trials=study.TrialCounts(queued=1, running=2, completed=17),
    best=study.BestTrial(number=12, values={"val_loss": 0.0713}, params=_POINT),
    created_by="ana",
    created_at=_THEN,
    updated_at=_LATER,
)
STUDIES = study.StudyList(studies=(STUDY,), next_page_token=None)

TRIAL = trial.Trial(
    study="digits-mlp",
    number=17,
    state="completed",
    origin="enqueued",
    params=_POINT,
    resolved=_GIVEN,
    values={"val_loss": 0.0813},
    attempts=1,
    last_step=20,
    last_metrics={"val_loss": 0.0813, "train_loss": 0.0402},
    seq=41,
    created_at=_THEN,
    started_at=_THEN,
    finished_at=_LATER,
)
TRIALS = trial.TrialList(trials=(TRIAL,), next_page_token="AgIxNmQ0YjE5Wztd")
POINTS = trial.PointList(
    points=(
        trial.Point(attempt=1, step=1, metrics={"val_loss": 0.9, "train_loss": 1.1}, elapsed=11.5),
        trial.Point(attempt=1, step=2, metrics={"val_loss": float("nan")}, elapsed=22.9),
    )
)
ATTEMPTS = trial.AttemptList(
    attempts=(
        trial.Attempt(
            attempt=1,
            state="completed",
            worker="node-3:gpu0",
            granted_at=_THEN,
            expires_at=_LATER,
            ended_at=_LATER,
            last_step=20,
            gpu_seconds=233.0,
        ),
    )
)
DECISIONS = trial.DecisionList(
    decisions=(
        trial.Decision(
            attempt=1,
            step=4,
            act="stop",
            reason="not among the best quarter of 12 trials at step 4: 0.41 > 0.33",
            rung=1,
            value=0.41,
            cut=0.33,
            rank=9,
            n=12,
            at=_LATER,
        ),
    )
)
CHECKPOINTS = trial.CheckpointList(
    checkpoints=(
        trial.Checkpoint(
            attempt=1, step=10, uri="file:///data/17/10.ckpt", sha256="9f86d081" * 8, size=18_432, committed_at=_LATER
        ),
    )
)

NEW_TRIAL = {
    "enqueue": {
        "summary": "Run these parameters",
        "value": {"params": _POINT, "request_id": "7f3c0b52-6f0e-4a41-b1a8-3c2a4e5d9c10"},
    },
    "add": {
        "summary": "Add a trial that ran elsewhere",
        "value": {
            "params": _POINT,
            "state": "completed",
            "values": {"val_loss": 0.081},
            "points": [{"step": 1, "metrics": {"val_loss": 0.9}}, {"step": 2, "metrics": {"val_loss": 0.081}}],
        },
    },
}
NEW_TRIALS = {"two points": {"value": {"trials": [{"params": _POINT}, {"params": {**_POINT, "dropout": 0.3}}]}}}
RETRY = {"one": {"value": {"trials": [17]}}, "several": {"value": {"trials": [17, 21, 40]}}}
RETRIED = trial.RetriedTrials(
    trials=(TRIAL.model_copy(update={"state": "queued", "values": None, "finished_at": None, "attempts": 1}),)
)
NUMBERS = trial.TrialNumbers(numbers=(17, 18))
WARM_START = {
    "the best points again": {"value": {"from": ["digits-mlp-2025"], "use": "best", "count": 5}},
    "their results": {"value": {"from": ["digits-mlp-2025"], "use": "history"}},
}
WARM_STARTED = STUDY.model_copy(
    update={
        "warm_start": WarmStarted(
            sources=(TakenFrom(study="digits-mlp-2025", taken=5, left_out={"not among the best": 95}),)
        )
    }
)
PATCH = {"note and budget": {"value": {"note": "second round", "budget": {"max_trials": 200}}}}
CREATE = {"a small network": {"value": study.DEFINITION_EXAMPLE}}
STOP = {
    "let running trials finish": {"value": {"running": "finish"}},
    "cancel them": {"value": {"running": "cancel"}},
    "kill them": {"value": {"running": "kill"}},
}
ASK = {
    "one trial": {
        "value": {"worker": "node-3:gpu0", "max_trials": 1, "request_id": "0d5b6a1c-9d0e-4c1b-9a57-54c3b1d6f7aa"}
    }
}
REPORT = {
    "two points": {
        "value": {
            "token": 1,
            "first_seq": 1,
            "points": [
                {"step": 1, "metrics": {"val_loss": 0.9}, "elapsed": 11.5},
                {"step": 2, "metrics": {"val_loss": 0.4, "grad_norm": "NaN"}, "elapsed": 22.9},
            ],
        }
    }
}
CHECKPOINT = {
    "kept on a shared disk": {
        "value": {"token": 1, "uri": "file:///data/17/10.ckpt", "sha256": "9f86d081" * 8, "size": 18_432}
    }
}
COMPLETE = {
    "done": {"value": {"token": 1, "outcome": "completed", "values": {"val_loss": 0.0813}}},
    "out of memory": {
        "value": {"token": 1, "outcome": "failed", "failure": {"class": "oom", "message": "CUDA out of memory"}}
    },
}

LEASES = lease.LeaseList(
    leases=(lease.Lease(study="digits-mlp", trial=17, attempt=1, token=1, ttl_seconds=60.0, params=_GIVEN, seed=7),)
)
REPORTED = lease.Reported(acked_seq=2, directive=lease.Directive(type="continue"))
COMPLETED = lease.Completed(trial=17, attempt=1, state="completed", values={"val_loss": 0.0813})

_EVENT = Event(
    id=1204, type="trial.state", study="digits-mlp", trial=17, seq=41, data={"state": "completed"}, at=_LATER
)
EVENT_STREAM = (
    f"retry: 2000\nid: 1203\n\nid: 1204\nevent: trial.state\ndata: {_EVENT.model_dump_json()}\n\n: still here\n\n"
)
CSV = (
    "number,state,origin,params.learning_rate,values.val_loss,attempts,created_at\r\n"
    "17,completed,enqueued,0.0031,0.0813,1,2026-01-01T09:30:00Z\r\n"
)

EXPORT = {"study": STUDY.model_dump(mode="json"), "trials": [TRIAL.model_dump(mode="json")]}

HEALTH = server.Health(status="ok")
VERSION = server.Version(version="0.1.0", protocol=1, schema_revision="0001", database="sqlite", python="3.11.7")
