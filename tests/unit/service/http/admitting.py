"""An application that needs tokens, tokens of every role and condition, and one good request for each operation."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, get_args

from service.domain.actor import LOCAL
from service.domain.token import ID_BYTES, SECRET_BYTES, written
from service.store.memory import MemoryStore
from service.usecases import tokens
from service.usecases.ports import Transaction
from service.wire.token import NewToken, Role
from tests.unit.service.http.api import POINT, STUDY, Api

ROLES: tuple[Role, ...] = get_args(Role)
HOST = "http://localhost:8420"


def secret(number: int) -> str:
    """The token of a number."""
    return written(number.to_bytes(ID_BYTES, "big").hex(), number.to_bytes(SECRET_BYTES, "big"))


def token_id(number: int) -> str:
    """The public id of that token."""
    return number.to_bytes(ID_BYTES, "big").hex()


def put_token(store: MemoryStore, number: int, role: Role, **changes: Any) -> str:
    """Keep a token; answers its secret."""

    def work(tx: Transaction) -> None:
        tokens.create(tx, NewToken(name=f"{role}-{number}", role=role), token_id(number), secret(number), LOCAL)

    asyncio.run(store.write(work))
    if changes:
        asyncio.run(store.write(lambda tx: _change(store, tx, number, changes)))
    return secret(number)


def _change(store: MemoryStore, tx: Transaction, number: int, changes: Mapping[str, Any]) -> None:
    kept = tx.tokens.get(token_id(number))
    store._tables.tokens.put(None, kept.id, replace(kept, **changes))


def put_all(store: MemoryStore) -> dict[str, dict[str, str]]:
    """Headers of every kind of sender: of each role, and of those who are nobody."""
    sent: dict[str, dict[str, str]] = {
        role: bearer(put_token(store, place, role)) for place, role in enumerate(ROLES, start=1)
    }
    now = asyncio.run(store.read(lambda tx: tx.now))
    sent["expired"] = bearer(put_token(store, 11, "admin", expires_at=now - timedelta(seconds=1)))
    sent["revoked"] = bearer(put_token(store, 12, "admin", revoked_at=now))
    sent["unknown"] = bearer(secret(13))
    sent["nobody"] = {}
    return sent


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"authorization": f"Bearer {token}"}


Arrange = Callable[[Api, dict[str, str]], str]


@dataclass(frozen=True)
class Sample:
    """A request that succeeds if its sender may do it. `arrange` puts what it needs there, and answers its address.

    `prepare` does what is yet to be done by the one who holds the attempt, whose address it is given.
    """

    arrange: Arrange
    body: Any = None
    content: bytes | None = None
    prepare: Callable[[Api, str, dict[str, str]], None] | None = None


def _at(address: str) -> Arrange:
    return lambda api, admin: address


def _study(suffix: str = "", **changes: Any) -> Arrange:
    def arrange(api: Api, admin: dict[str, str]) -> str:
        api.ok("POST", "/v1/studies", {**STUDY, **changes}, headers=admin)
        return f"/v1/studies/s{suffix}"

    return arrange


def _trial(suffix: str = "", **body: Any) -> Arrange:
    def arrange(api: Api, admin: dict[str, str]) -> str:
        study = _study()(api, admin)
        api.ok("POST", f"{study}/trials", {"params": POINT, **body}, headers=admin)
        return f"{study}{suffix}"

    return arrange


def _warm(api: Api, admin: dict[str, str]) -> str:
    api.ok("POST", "/v1/studies", {**STUDY, "name": "first"}, headers=admin)
    done = {"params": POINT, "state": "completed", "values": {"loss": 0.5}}
    api.ok("POST", "/v1/studies/first/trials", done, headers=admin)
    return _study(":warm-start")(api, admin)


def _token(api: Api, admin: dict[str, str]) -> str:
    made = api.ok("POST", "/v1/tokens", {"name": "x", "role": "viewer"}, headers=admin)
    return f"/v1/tokens/{made['id']}"


def _completed(suffix: str = "") -> Arrange:
    """A study with a trial that has completed elsewhere, with its curve."""
    done = {"params": POINT, "state": "completed", "points": [{"step": 1, "metrics": {"loss": 0.5}}]}

    def arrange(api: Api, admin: dict[str, str]) -> str:
        study = _study()(api, admin)
        api.ok("POST", f"{study}/trials", done, headers=admin)
        return f"{study}{suffix}"

    return arrange


def _finishing(suffix: str) -> Arrange:
    def arrange(api: Api, admin: dict[str, str]) -> str:
        study = _completed()(api, admin)
        api.ok("POST", f"{study}:finish", {}, headers=admin)
        return f"{study}{suffix}"

    return arrange


WORKER_ID = "0b0e8a3c-6c1a-4d0e-9f4e-2f6f3c1d5a77"
INSTANCE = "a" * 32
BYTES = b"weights"
SUM = hashlib.sha256(BYTES).hexdigest()


def _worker(suffix: str = "") -> Arrange:
    def arrange(api: Api, admin: dict[str, str]) -> str:
        api.ok("PUT", f"/v1/workers/{WORKER_ID}", NEW_WORKER, headers=admin)
        return f"/v1/workers/{WORKER_ID}{suffix}"

    return arrange


def _saved(api: Api, attempt: str, holder: dict[str, str]) -> None:
    headers = {**holder, "content-type": "application/octet-stream"}
    checked, api.check = api.check, False  # the document tells the answer to JSON alone
    sent = api.call("PUT", f"{attempt}/checkpoints/0?token=1&sha256={SUM}", content=BYTES, headers=headers)
    api.check = checked
    assert sent.is_success, sent.text


NEW_WORKER = {
    "instance": INSTANCE,
    "name": "node-1",
    "protocol": 1,
    "agent_version": "0.1.0",
    "slots": 1,
    "trainers": ["digits-mlp"],
}
POINTS = [{"step": 1, "metrics": {"loss": 0.5}}]
SHA = "0" * 64
SAMPLES: Mapping[str, Sample] = {
    "get_health": Sample(_at("/healthz")),
    "get_readiness": Sample(_at("/readyz")),
    "get_version": Sample(_at("/v1/version")),
    "get_study_schema": Sample(_at("/v1/schema/study.json")),
    "follow_events": Sample(_at("/v1/events")),
    "create_study": Sample(_at("/v1/studies"), STUDY),
    "list_studies": Sample(_at("/v1/studies")),
    "get_study": Sample(_study()),
    "change_study": Sample(_study(), {"note": "x"}),
    "pause_study": Sample(_study(":pause")),
    "resume_study": Sample(_study(":resume")),
    "stop_study": Sample(_study(":stop")),
    "archive_study": Sample(_study(":archive")),
    "unarchive_study": Sample(_study(":unarchive")),
    "delete_study": Sample(_study()),
    "warm_start_study": Sample(_warm, {"from": ["first"]}),
    "export_study": Sample(_study("/export")),
    "get_curves": Sample(_study("/curves")),
    "get_all_curves": Sample(_study("/curves/all")),
    "get_columns": Sample(_study("/columns")),
    "get_rungs": Sample(_study("/rungs")),
    "get_timeline": Sample(_at("/v1/timeline")),
    "list_best_trials": Sample(_study("/best")),
    "get_pareto_front": Sample(_study("/pareto")),
    "get_importances": Sample(_study("/importances")),
    "get_search": Sample(_study("/search")),
    "get_advice": Sample(_study("/advice")),
    "replay_scheduler": Sample(_study("/what-if"), {"scheduler": {"type": "median"}}),
    "explain_trial": Sample(_trial("/trials/0/explanation")),
    "finish_study": Sample(_completed(":finish"), {"top": 2, "seeds": 2}),
    "get_finish": Sample(_finishing("/finish")),
    "cancel_finish": Sample(_finishing("/finish:cancel")),
    "reproduce_trial": Sample(_completed("/trials/0:reproduce"), {}),
    "list_reproductions": Sample(_completed("/trials/0/reproductions")),
    "add_trial": Sample(_study("/trials"), {"params": POINT}),
    "add_trials": Sample(_study("/trials:batch"), {"trials": [{"params": POINT}]}),
    "list_trials": Sample(_study("/trials")),
    "get_trial": Sample(_trial("/trials/0")),
    "cancel_trial": Sample(_trial("/trials/0:cancel")),
    "retry_trials": Sample(_trial("/trials:retry"), {"trials": [0]}),
    "list_reports": Sample(_trial("/trials/0/reports")),
    "list_attempts": Sample(_trial("/trials/0/attempts")),
    "list_decisions": Sample(_trial("/trials/0/decisions")),
    "list_checkpoints": Sample(_trial("/trials/0/checkpoints")),
    "ask": Sample(_trial(":ask"), {"worker": "w"}),
    "report": Sample(_at("/trials/0/attempts/1:report"), {"token": 1, "first_seq": 1, "points": POINTS}),
    "complete": Sample(
        _at("/trials/0/attempts/1:complete"), {"token": 1, "outcome": "completed", "values": {"loss": 1}}
    ),
    "commit_checkpoint": Sample(
        _at("/trials/0/attempts/1/checkpoints/0"), {"token": 1, "uri": "file:///x", "sha256": SHA, "size": 1}
    ),
    "read_checkpoint": Sample(_at("/trials/0/attempts/1/checkpoints/0"), prepare=_saved),
    "write_log": Sample(_at("/trials/0/attempts/1/logs?offset=0&token=1"), content=b"epoch 1\n"),
    "read_log": Sample(_at("/trials/0/attempts/1/logs")),
    "read_newest_log": Sample(_trial("/trials/0/logs")),
    "register_worker": Sample(_at(f"/v1/workers/{WORKER_ID}"), NEW_WORKER),
    "acquire": Sample(_worker(":acquire"), {"instance": INSTANCE, "request_id": "r", "wait_seconds": 0}),
    "heartbeat": Sample(_worker(":heartbeat"), {"instance": INSTANCE}),
    "list_workers": Sample(_at("/v1/workers")),
    "get_worker": Sample(_worker()),
    "drain_worker": Sample(_worker(":drain")),
    "undrain_worker": Sample(_worker(":undrain")),
    "forget_worker": Sample(_worker()),
    "create_token": Sample(_at("/v1/tokens"), {"name": "x", "role": "viewer"}),
    "list_tokens": Sample(_at("/v1/tokens")),
    "revoke_token": Sample(_token),
    "log_in": Sample(_at("/v1/session"), {"token": secret(3)}),
    "get_session": Sample(_at("/v1/session")),
    "log_out": Sample(_at("/v1/session")),
    "list_audit": Sample(_at("/v1/audit")),
}
