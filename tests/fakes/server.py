"""A server of trials in memory, over real sockets: it keeps the protocol of workers to the letter.

Fencing tokens, gaps in `seq`, offsets of logs, write-once completion, checkpoints whose sum is checked, one instance to
an id. Time does not pass in it: what expires is said by the test.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.http import Asked, Listener, Said
from tests.patience import PATIENCE

_ATTEMPT = re.compile(
    r"/v1/studies/([^/]+)/trials/(\d+)/attempts/(\d+)(?:(:report|:complete)|/checkpoints/(\d+)|/(logs))$"
)
_WORKER = re.compile(r"/v1/workers/([^/:]+)(:acquire|:heartbeat)?$")
CONTINUE: dict[str, Any] = {"type": "continue"}


@dataclass
class Attempt:
    """One lease, and all that came of it."""

    worker: str
    token: int
    points: list[dict[str, Any]] = field(default_factory=list)
    log: bytes = b""
    checkpoints: dict[int, bytes] = field(default_factory=dict)
    complete: dict[str, Any] | None = None
    over: bool = False
    directive: dict[str, Any] = field(default_factory=lambda: CONTINUE)
    obeyed: list[int] = field(default_factory=list)
    reports: int = 0


@dataclass
class Trial:
    """A trial of the fake's only kind of study."""

    study: str
    number: int
    params: dict[str, Any]
    lease: dict[str, Any] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    queued: bool = True
    state: str = "queued"

    @property
    def newest(self) -> Attempt:
        return self.attempts[-1]

    def checkpoint(self) -> tuple[int, int, bytes] | None:
        """The newest one that was committed: attempt, step, bytes."""
        for number, attempt in reversed(list(enumerate(self.attempts, 1))):
            if attempt.checkpoints:
                step = max(attempt.checkpoints)
                return number, step, attempt.checkpoints[step]
        return None


@dataclass
class Known:
    """A worker, as it introduced itself, and its last heartbeat."""

    instance: str
    body: dict[str, Any]
    beats: list[dict[str, Any]] = field(default_factory=list)
    left: bool = False


class FakeServer:
    """The server; `trials` is what tests fill and look at."""

    def __init__(self, *, token: str | None = None, heartbeat: float = 0.1, ttl: float = 60.0) -> None:
        self.http = Listener(self._answer)
        self.trials: list[Trial] = []
        self.workers: dict[str, Known] = {}
        self.requests: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[str] = []
        self.acquires: list[dict[str, Any]] = []
        self.data: dict[str, str] = {}
        self.draining = False
        self.protocol = 1
        self.most_bytes = 1_000_000
        self.skew: float | None = None
        self.denial = "token_invalid"
        self._token = token
        self._heartbeat = heartbeat
        self._ttl = ttl
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> "FakeServer":
        await self.http.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.stop()

    @property
    def address(self) -> str:
        return self.http.address

    def add(self, params: dict[str, Any] | None = None, *, study: str = "study", **lease: Any) -> Trial:
        """Queue a trial; further fields are its lease's."""
        trial = Trial(study, len(self.trials), params or {}, lease)
        self.trials.append(trial)
        return trial

    def requeue(self, trial: Trial) -> None:
        """Its lease has run out: whoever asks next gets it."""
        trial.newest.over = True
        trial.queued, trial.state = True, "queued"

    async def until(self, holds: Any, seconds: float = PATIENCE) -> None:
        """Wait until something is so, looking again after each request."""
        async with asyncio.timeout(seconds):
            while not holds():
                async with self._changed:
                    try:
                        await asyncio.wait_for(self._changed.wait(), 0.05)
                    except TimeoutError:
                        continue

    # --- answers

    async def _answer(self, asked: Asked) -> Said:
        self.asked.append(f"{asked.method} {asked.path}")
        try:
            return await self._handle(asked)
        finally:
            async with self._changed:
                self._changed.notify_all()

    async def _handle(self, asked: Asked) -> Said:
        if self._token is not None and asked.headers.get("authorization") != f"Bearer {self._token}":
            status = 403 if self.denial == "role_missing" else 401
            return Said.problem(status, self.denial, "the token is not known", hint="Ask for a new one.")
        if len(asked.body) > self.most_bytes and "/checkpoints/" not in asked.path:
            return Said.problem(413, "body_too_large", "too many bytes")
        if match := _WORKER.match(asked.path):
            return await self._worker(asked, match[1], match[2])
        if match := _ATTEMPT.match(asked.path):
            return self._attempt(asked, match)
        return Said.problem(404, "not_found", f"There is nothing at {asked.path}.")

    async def _worker(self, asked: Asked, id: str, verb: str | None) -> Said:
        if verb is None:
            return self._introduced(id, asked.json)
        known = self.workers.get(id)
        if known is None:
            return Said.problem(404, "worker_not_found", "there is no such worker", hint="Introduce it.")
        if known.instance != asked.json["instance"]:
            return Said.problem(409, "worker_taken", "another instance runs with this id")
        return (
            await self._acquire(id, asked.json, asked.gone) if verb == ":acquire" else self._beat(id, known, asked.json)
        )

    def _introduced(self, id: str, body: dict[str, Any]) -> Said:
        if body["protocol"] != self.protocol:
            detail = f"this server speaks protocol {self.protocol}, the worker {body['protocol']}"
            return Said.problem(400, "protocol_unsupported", detail, hint="Upgrade the worker.")
        known = self.workers.get(id)
        if known is not None and body["instance"] != known.instance and not known.left:
            if body.get("replaces") != known.instance:
                return Said.problem(409, "worker_taken", f"{known.body['name']} runs with this id")
            for trial in self.trials:
                if trial.attempts and trial.newest.worker == id and not trial.newest.over:
                    self.requeue(trial)
        self.workers[id] = Known(body["instance"], body)
        return Said.of(
            {
                "id": id,
                "ttl_seconds": self._ttl,
                "heartbeat_seconds": self._heartbeat,
                "protocol": self.protocol,
                "server_version": "fake",
                "clock_skew_seconds": self.skew,
            }
        )

    async def _acquire(self, id: str, body: dict[str, Any], gone: Callable[[], bool]) -> Said:
        self.acquires.append(body)
        directive = {"type": "drain", "reason": "maintenance"} if self.draining else CONTINUE
        if body["request_id"] not in self.requests:
            try:
                async with asyncio.timeout(body["wait_seconds"]):
                    while gone() or not self._free(body):
                        async with self._changed:
                            try:
                                await asyncio.wait_for(self._changed.wait(), 0.02)
                            except TimeoutError:
                                continue
            except TimeoutError:
                return Said.of({"leases": [], "directive": directive})
            granted = [self._grant(trial, id) for trial in self._free(body)[: body["max_trials"]]]
            self.requests[body["request_id"]] = granted
        return Said.of({"leases": self.requests[body["request_id"]], "directive": directive})

    def _free(self, body: dict[str, Any]) -> list[Trial]:
        studies = body["selectors"]["studies"]
        return [
            one for one in self.trials if one.queued and not self.draining and (not studies or one.study in studies)
        ]

    def _grant(self, trial: Trial, worker: str) -> dict[str, Any]:
        resume = trial.checkpoint()
        trial.queued, trial.state = False, "running"
        trial.attempts.append(Attempt(worker, token=len(trial.attempts) + 7))
        lease: dict[str, Any] = {
            "study": trial.study,
            "trial": trial.number,
            "attempt": len(trial.attempts),
            "token": trial.newest.token,
            "ttl_seconds": self._ttl,
            "params": trial.params,
            "seed": 1,
            "objectives": [{"metric": "loss", "direction": "minimize"}],
            "limits": {},
            "data_fingerprint": self.data.get(trial.study),
            **trial.lease,
        }
        if resume is not None:
            attempt, step, content = resume
            place = f"/v1/studies/{trial.study}/trials/{trial.number}/attempts/{attempt}"
            lease |= {
                "resume_attempt": attempt,
                "resume_step": step,
                "resume_checkpoint": f"{place}/checkpoints/{step}",
                "resume_sha256": hashlib.sha256(content).hexdigest(),
                "resume_size": len(content),
            }
        return lease

    def _beat(self, id: str, known: Known, body: dict[str, Any]) -> Said:
        known.beats.append(body)
        known.left = bool(body.get("leaving"))
        if known.left:
            for trial in self.trials:
                if trial.attempts and trial.newest.worker == id and not trial.newest.over:
                    self.requeue(trial)
        leases = []
        for held in body.get("leases", []):
            trial = self.trials[held["trial"]]
            attempt = trial.attempts[held["attempt"] - 1]
            if held.get("obeyed") is not None:
                attempt.obeyed.append(held["obeyed"])
            lives = attempt.token == held["token"] and self._lives(trial, attempt)
            leases.append(
                {
                    "study": held["study"],
                    "trial": held["trial"],
                    "attempt": held["attempt"],
                    "state": "renewed" if lives else "gone",
                    "directive": attempt.directive,
                }
            )
        directive = {"type": "drain", "reason": "maintenance"} if self.draining else CONTINUE
        return Said.of({"leases": leases, "directive": directive, "clock_skew_seconds": self.skew})

    def _attempt(self, asked: Asked, match: re.Match[str]) -> Said:
        trial = self.trials[int(match[2])]
        attempt = trial.attempts[int(match[3]) - 1]
        if match[5] and asked.method == "GET":
            content = attempt.checkpoints.get(int(match[5]))
            if content is None:
                return Said.problem(404, "checkpoint_not_found", "there is no such checkpoint")
            return Said(200, content, kind="application/octet-stream")
        token = int(asked.query["token"]) if "token" in asked.query else asked.json["token"]
        if match[4] == ":complete" and attempt.complete is not None:
            return self._completed_again(trial, attempt, asked.json)
        mine, stale = token == attempt.token, Said.problem(409, "stale_lease", "the lease was lost, or has ended")
        # Last words are welcome from whoever held it, and so is what was said already.
        if match[6]:
            return self._log(attempt, int(asked.query["offset"]), asked.body) if mine else stale
        if match[5] and mine and attempt.checkpoints.get(int(match[5])) == asked.body:
            return self._checkpoint(attempt, int(match[3]), int(match[5]), asked)
        if not mine or not self._lives(trial, attempt):
            return stale
        if match[4] == ":report":
            return self._report(trial, attempt, asked.json)
        if match[4] == ":complete":
            return self._complete(trial, attempt, asked.json)
        return self._checkpoint(attempt, int(match[3]), int(match[5]), asked)

    def _lives(self, trial: Trial, attempt: Attempt) -> bool:
        """Late but unreplaced is welcome: only who was granted the trial after it takes it away."""
        if attempt is not trial.newest or attempt.complete is not None:
            return False
        if attempt.over:
            attempt.over, trial.queued, trial.state = False, False, "running"
        return True

    def _report(self, trial: Trial, attempt: Attempt, body: dict[str, Any]) -> Said:
        attempt.reports += 1
        first, points = body["first_seq"], body["points"]
        acked = len(attempt.points)
        if len(points) > 1_000 or not (points or body.get("data_fingerprint")):
            errors = [{"field": "points", "message": f"must be 1 to 1000 (are {len(points)})"}]
            return Said.problem(422, "invalid_argument", "points: must be 1 to 1000", errors=errors)
        if first > acked + 1:
            return Said.problem(409, "seq_gap", "points before these are missing", acked_seq=acked)
        if (data := body.get("data_fingerprint")) and data != self.data.setdefault(trial.study, data):
            detail = f"this trial is trained on {data}, the first trial was trained on {self.data[trial.study]}"
            return Said.problem(409, "data_differ", detail)
        for seq, point in enumerate(points, first):
            if seq <= acked:
                assert attempt.points[seq - 1] == point, "a point was sent twice, and differs"
                continue
            last = attempt.points[-1]["step"] if attempt.points else -1
            if point["step"] <= last:
                errors = [{"field": "points.step", "message": "must be greater than the step before it"}]
                return Said.problem(422, "invalid_argument", "steps must grow", errors=errors)
            attempt.points.append(point)
        return Said.of({"acked_seq": len(attempt.points), "directive": attempt.directive})

    def _complete(self, trial: Trial, attempt: Attempt, body: dict[str, Any]) -> Said:
        outcome = body["outcome"]
        if outcome == "completed":
            given = (body.get("values") or {}).keys() | (
                attempt.points[-1]["metrics"].keys() if attempt.points else set()
            )
            metric = trial.lease.get("objectives", [{"metric": "loss"}])[0]["metric"]
            if metric not in given:
                errors = [{"field": f"values.{metric}", "message": "is missing: it was neither given nor reported"}]
                return Said.problem(422, "invalid_argument", f"values.{metric} is missing", errors=errors)
        attempt.complete, attempt.over = body, True
        kind = (body.get("failure") or {}).get("class")
        again = outcome == "preempted" or kind in {"infra", "preempted"}
        trial.state = "queued" if again else outcome
        # What was lost waits a while before it is handed out again: here, until the test says so.
        trial.queued = again and kind != "infra"
        return Said.of({"trial": trial.number, "attempt": len(trial.attempts), "state": trial.state, "values": None})

    def _completed_again(self, trial: Trial, attempt: Attempt, body: dict[str, Any]) -> Said:
        if body != attempt.complete:
            return Said.problem(409, "already_completed", "the attempt was completed with another outcome")
        return Said.of({"trial": trial.number, "attempt": len(trial.attempts), "state": trial.state, "values": None})

    def _checkpoint(self, attempt: Attempt, number: int, step: int, asked: Asked) -> Said:
        if hashlib.sha256(asked.body).hexdigest() != asked.query["sha256"]:
            return Said.problem(400, "checksum_mismatch", "the bytes are not those of the sum")
        if step > (attempt.points[-1]["step"] if attempt.points else 0):
            errors = [{"field": "step", "message": "must not be beyond the last step that was reported"}]
            return Said.problem(422, "invalid_argument", f"step {step} was not reported", errors=errors)
        attempt.checkpoints[step] = asked.body
        return Said.of({"attempt": number, "step": step, "sha256": asked.query["sha256"], "size": len(asked.body)})

    def _log(self, attempt: Attempt, offset: int, content: bytes) -> Said:
        if offset > len(attempt.log):
            return Said.problem(409, "offset_gap", "bytes are missing", next_offset=len(attempt.log))
        attempt.log = attempt.log[:offset] + content if offset + len(content) > len(attempt.log) else attempt.log
        return Said.of({"next_offset": len(attempt.log)})
