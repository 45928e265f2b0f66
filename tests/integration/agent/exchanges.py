"""What an agent and a server say to each other, as exchanges that any server may be put through."""

import hashlib
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

Said = tuple[int, Any]
"""A status and what the agent relies on in the body."""
STATE = b"the state of a training"
SUM = hashlib.sha256(STATE).hexdigest()
# Of a refusal only these steer the agent; the words are for people.
_OF_PROBLEMS = ("code", "acked_seq", "next_offset")


@dataclass
class Caller:
    """A worker, as one server sees it, and one study with its first trial queued."""

    http: httpx2.AsyncClient
    study: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    instance: str = field(default_factory=lambda: uuid.uuid4().hex)

    async def call(self, method: str, path: str, *of_answer: str, **more: Any) -> Said:
        """Ask; of an answer only these members are looked at, and of a refusal what steers the agent."""
        answer = await self.http.request(method, path, **more)
        if answer.is_success:
            body = answer.json()
            return answer.status_code, {name: _of(body, name) for name in of_answer}
        problem = answer.json()
        found = {name: problem[name] for name in _OF_PROBLEMS if name in problem}
        return answer.status_code, {**found, "fields": bool(problem.get("errors")), "detail": bool(problem["detail"])}

    async def introduce(self, **fields: Any) -> Said:
        body = {"instance": self.instance, "name": self.id[:8], "protocol": 1, "agent_version": "1", "slots": 2}
        given = {**body, "trainers": ["toy"], **fields}
        return await self.call("PUT", f"/v1/workers/{self.id}", "id", "protocol", json=given)

    async def acquire(self, **fields: Any) -> tuple[Said, list[dict[str, Any]]]:
        """What is answered, and the leases."""
        given = {"instance": self.instance, "request_id": uuid.uuid4().hex, "wait_seconds": 0.1, "max_trials": 1}
        given |= {"selectors": {"studies": [self.study], "tags": []}, **fields}
        path = f"/v1/workers/{self.id}:acquire"
        answer = await self.http.post(path, json=given)
        leases = answer.json().get("leases", []) if answer.is_success else []
        return await self.call("POST", path, "directive.type", json=given), leases

    async def lease(self) -> dict[str, Any]:
        """Introduce oneself, and be given the trial."""
        await self.introduce()
        _, leases = await self.acquire()
        (lease,) = leases
        return lease

    async def beat(self, *leases: Mapping[str, Any], **fields: Any) -> Said:
        held = [{name: one[name] for name in ("study", "trial", "attempt", "token")} for one in leases]
        given = {"instance": self.instance, "leases": held, **fields}
        status, found = await self.call(
            "POST", f"/v1/workers/{self.id}:heartbeat", "leases", "directive.type", json=given
        )
        for one in found.get("leases") or ():
            one["directive"] = one["directive"]["type"] if one["state"] == "renewed" else "it is gone"
        return status, found

    async def report(self, lease: Mapping[str, Any], first: int, *steps: int, **fields: Any) -> Said:
        points = [{"step": step, "metrics": {"loss": 1 / step}} for step in steps]
        given = {"token": lease["token"], "first_seq": first, "points": points, **fields}
        return await self.call("POST", f"{path(lease)}:report", "acked_seq", "directive.type", json=given)

    async def complete(self, lease: Mapping[str, Any], outcome: str = "completed", **fields: Any) -> Said:
        given = {"token": lease["token"], "outcome": outcome, "usage": {"wall_seconds": 1.5}, **fields}
        return await self.call("POST", f"{path(lease)}:complete", "trial", "attempt", "state", json=given)

    async def save(self, lease: Mapping[str, Any], step: int, state: bytes = STATE, sum: str = SUM) -> Said:
        query = {"token": lease["token"], "sha256": sum}
        headers = {"content-type": "application/octet-stream"}
        place = f"{path(lease)}/checkpoints/{step}"
        wanted = ("attempt", "step", "sha256", "size")
        return await self.call("PUT", place, *wanted, params=query, content=state, headers=headers)

    async def log(self, lease: Mapping[str, Any], offset: int, text: bytes, **query: int) -> Said:
        given = {"offset": offset, "token": lease["token"], **query}
        headers = {"content-type": "application/octet-stream"}
        return await self.call(
            "POST", f"{path(lease)}/logs", "next_offset", params=given, content=text, headers=headers
        )

    def other(self) -> "Caller":
        """Another worker."""
        return Caller(self.http, self.study)


def path(lease: Mapping[str, Any]) -> str:
    return f"/v1/studies/{lease['study']}/trials/{lease['trial']}/attempts/{lease['attempt']}"


def _of(body: Any, name: str) -> Any:
    for part in name.split("."):
        body = body[part]
    return body


async def introducing(us: Caller) -> list[Said]:
    second = uuid.uuid4().hex
    return [
        await us.introduce(),
        await us.introduce(),
        await us.introduce(protocol=9_999),
        await us.introduce(instance=second),
        await us.introduce(instance=second, replaces=uuid.uuid4().hex),
        await us.introduce(instance=second, replaces=us.instance),
        await us.beat(),
    ]


async def strangers(us: Caller) -> list[Said]:
    before = [(await us.acquire())[0], await us.beat()]
    await us.introduce()
    us.instance = uuid.uuid4().hex
    return [*before, (await us.acquire())[0], await us.beat()]


async def acquiring(us: Caller) -> list[Said]:
    await us.introduce()
    (first, leases), (again, same) = [await us.acquire(request_id="the same") for _ in range(2)]
    nothing, none = await us.acquire()
    (lease,) = leases
    known = ("study", "trial", "attempt", "params", "seed", "objectives", "limits", "trainer", "ttl_seconds")
    members = {**{name: name in lease for name in known}, "resume_step": lease.get("resume_step")}
    return [first, again, nothing, (200, [leases == same, none, lease["trial"], lease["attempt"], members])]


async def reporting(us: Caller) -> list[Said]:
    lease = await us.lease()
    return [
        await us.report(lease, 1, 1, 2, 3),
        await us.report(lease, 1, 1, 2, 3),
        await us.report(lease, 2, 2, 3, 4),
        await us.report(lease, 9, 9),
        await us.report(lease, 5, 4),
        await us.report(lease, 5, *range(5, 1_006)),
        await us.report(lease, 5, 5, token=lease["token"] + 1),
        await us.call("POST", f"{path(lease)}:report", content=b"x" * 2_100_000, headers={"content-type": JSON}),
        await us.report(lease, 5, *range(5, 1_005)),
    ]


async def telling_of_data(us: Caller) -> list[Said]:
    lease = await us.lease()
    return [
        await us.report(lease, 1, 1, data_fingerprint="ab" * 32),
        await us.report(lease, 1, 1, 2, data_fingerprint="ab" * 32),
        await us.report(lease, 3, 3, data_fingerprint="cd" * 32),
        await us.report(lease, 3, 3),
    ]


async def completing(us: Caller) -> list[Said]:
    lease = await us.lease()
    told = [await us.complete(lease), await us.report(lease, 1, 1, 2), await us.log(lease, 0, b"first\n")]
    told += [await us.complete(lease, values={"loss": 0.5}), await us.complete(lease, values={"loss": 0.5})]
    return [
        *told,
        await us.complete(lease, values={"loss": 0.25}),
        await us.report(lease, 3, 3),
        await us.beat(lease),
        await us.log(lease, 6, b"last\n"),
        await us.log(lease, 6, b"last\n", token=lease["token"] + 1),
    ]


async def failing(us: Caller) -> list[Said]:
    lease = await us.lease()
    failure = {"class": "crash", "message": "ended by SIGSEGV", "tail": "its last words"}
    return [await us.complete(lease, "failed", failure=failure), await us.complete(lease, "failed", failure=failure)]


async def saving(us: Caller) -> list[Said]:
    lease = await us.lease()
    await us.report(lease, 1, 1, 2)
    told = [
        await us.save(lease, 3),
        await us.save(lease, 2, sum="0" * 64),
        await us.save({**lease, "token": lease["token"] + 1}, 2),
        await us.save(lease, 2),
        await us.save(lease, 2),
        await us.call("GET", f"{path(lease)}/checkpoints/1"),
    ]
    found = await us.http.get(f"{path(lease)}/checkpoints/2")
    told += [(found.status_code, found.content), await us.complete(lease, "preempted")]
    again = await us.other().lease()
    resume = {name: again[f"resume_{name}"] for name in ("attempt", "step", "sha256", "size", "checkpoint")}
    return [*told, await us.save(lease, 2), await us.save(lease, 1), (200, resume), (200, again["attempt"])]


async def logging(us: Caller) -> list[Said]:
    lease = await us.lease()
    return [
        await us.log(lease, 0, b"one\n"),
        await us.log(lease, 0, b"one\n"),
        await us.log(lease, 2, b"e\ntwo\n"),
        await us.log(lease, 99, b"far\n"),
        await us.log(lease, 8, b"more\n", token=lease["token"] + 1),
    ]


async def losing(us: Caller) -> list[Said]:
    """A worker that has left holds nothing; until another has the trial, its late word is welcome."""
    lease = await us.lease()
    told = [await us.beat(lease), await us.beat(leaving=True), await us.report(lease, 1, 1, 2)]
    waiting = us.other()
    await waiting.introduce()
    nothing, none = await waiting.acquire()
    told += [await us.beat(lease), await us.save(lease, 2), await us.beat(leaving=True)]
    again = await waiting.lease()
    return [
        *told,
        await us.beat(lease),
        await us.report(lease, 3, 3),
        await us.save(lease, 1),
        await us.complete(lease, values={"loss": 0.5}),
        await us.log(lease, 0, b"what it still had to say\n"),
        (200, [nothing, none, again["attempt"], again["resume_step"]]),
    ]


async def ending_late(us: Caller) -> list[Said]:
    lease = await us.lease()
    await us.report(lease, 1, 1)
    await us.beat(leaving=True)
    return [await us.complete(lease), await us.complete(lease), await us.beat(lease)]


Exchange = Callable[[Caller], Awaitable[list[Said]]]
JSON = "application/json"
EXCHANGES: tuple[Exchange, ...] = (
    introducing,
    strangers,
    acquiring,
    reporting,
    telling_of_data,
    completing,
    failing,
    saving,
    logging,
    losing,
    ending_late,
)
