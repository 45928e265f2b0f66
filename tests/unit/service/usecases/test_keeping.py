"""Checkpoints that the server keeps: taken in whole or not at all, and no more of them than the study wants."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest

from service.artifacts.remote import RemoteArtifacts
from service.domain.errors import (
    CheckpointEvicted,
    CheckpointNotFound,
    ChecksumMismatch,
    Invalid,
    Refused,
    StaleLease,
)
from service.domain.trial import Checkpoint
from service.store.memory.store import utc_now
from service.usecases import leasing, studies
from service.usecases.keeping import Keeper, Place
from service.usecases.sweeping import Sweeper
from service.usecases.watching import Watch
from service.wire.lease import Ask, Lease, NewCheckpoint
from tests.unit.service.usecases.conftest import TTL, Desk


class Vault:
    """A keeper over a desk, and what lies in its place."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.artifacts = RemoteArtifacts(f"memory://vault/{uuid4().hex}", utc_now)
        self.keeper = Keeper(desk.store, self.artifacts, ttl_seconds=TTL)
        self.sweeper = Sweeper(artifacts=self.artifacts, seconds=0)

    def save(self, lease: Lease, step: int, data: bytes = b"state", **changes: str) -> Checkpoint:
        sha256 = changes.get("sha256", hashlib.sha256(data).hexdigest())
        saved: Checkpoint = self.desk.run(self.keeper.save(place(lease, step), lease.token, sha256, pieces(data)))
        return saved

    def read(self, lease: Lease, step: int) -> bytes:
        async def whole() -> bytes:
            _, opened = await self.keeper.open(place(lease, step))
            return b"".join([piece async for piece in opened.pieces])

        found: bytes = self.desk.run(whole())
        return found

    def files(self) -> list[str]:
        async def all_of() -> list[str]:
            names: list[str] = []
            for study_id in await self.artifacts.studies():
                names += await self.artifacts.older(study_id, 0)
            return names

        found: list[str] = self.desk.run(all_of())
        return [name.rpartition("/")[2].rpartition("-")[0] for name in found]

    def kept(self, study: str = "s", number: int = 0) -> list[int]:
        found: Sequence[Checkpoint] = self.desk.read(lambda tx: tx.checkpoints.list(tx.studies.get(study).id, number))
        return [one.step for one in found]


def place(lease: Lease, step: int) -> Place:
    return Place(lease.study, lease.trial, lease.attempt, step)


async def pieces(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for begin in range(0, len(data), size):
        yield data[begin : begin + size]
        await asyncio.sleep(0)


@pytest.fixture
def vault(desk: Desk) -> Vault:
    return Vault(desk)


def running(desk: Desk, *losses: float, count: int = 1, **fields: object) -> Lease:
    """A trial that runs and has reported steps 1, 2, 3 …"""
    desk.study(**fields)  # type: ignore[arg-type]  # what a study is made of
    desk.enqueue(count)
    (lease,) = desk.ask()
    desk.report(lease, *losses)
    return lease


def test_what_was_saved_is_what_the_next_attempt_goes_on_from(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9, 0.8)
    data = bytes(range(256)) * 10_000
    saved = vault.save(lease, 2, data)
    assert (saved.size, saved.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert vault.read(lease, 2) == data
    desk.complete(lease, outcome="preempted")
    (again,) = desk.ask()
    assert (again.resume_step, again.resume_attempt, again.resume_size) == (2, 1, len(data))
    assert again.resume_checkpoint == "/v1/studies/s/trials/0/attempts/1/checkpoints/2"
    assert again.resume_sha256 == saved.sha256


def test_an_empty_one_is_one_too(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9)
    assert vault.save(lease, 1, b"").size == 0
    assert vault.read(lease, 1) == b""


def test_a_wrong_sum_is_refused_and_nothing_is_left(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9)
    with pytest.raises(ChecksumMismatch, match="of the 5 bytes that arrived is"):
        vault.save(lease, 1, b"state", sha256="0" * 64)
    assert (vault.files(), vault.kept()) == ([], [])


def test_an_upload_that_breaks_off_leaves_nothing(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9)

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ConnectionError

    with pytest.raises(ConnectionError):
        desk.run(vault.keeper.save(place(lease, 1), lease.token, "0" * 64, broken()))
    assert (vault.files(), vault.kept()) == ([], [])


def test_what_may_not_be_saved_is_refused_before_a_byte_is_read(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9)

    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("nobody should read this")
        yield b""

    def refused(step: int, token: int) -> type[BaseException]:
        with pytest.raises(Refused) as refusal:
            desk.run(vault.keeper.save(place(lease, step), token, "0" * 64, never()))
        return refusal.type

    assert refused(2, lease.token) is Invalid
    assert refused(1, lease.token + 1) is StaleLease
    desk.complete(lease)
    assert refused(1, lease.token) is StaleLease


def test_a_lease_that_is_lost_while_the_bytes_come_leaves_nothing(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9)

    async def slow() -> AsyncIterator[bytes]:
        yield b"sta"
        desk.later(seconds=TTL + 1)
        await desk.store.write(lambda tx: leasing.ask(tx, "s", Ask(worker="other"), ttl_seconds=TTL))
        yield b"te"

    with pytest.raises(StaleLease):
        desk.run(vault.keeper.save(place(lease, 1), lease.token, hashlib.sha256(b"state").hexdigest(), slow()))
    assert (vault.files(), vault.kept()) == ([], [])


def test_bytes_that_come_late_are_kept_while_nobody_else_has_the_trial(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9)
    desk.later(seconds=TTL + 1)
    assert desk.run(Watch().look(desk.store)) == 1
    vault.save(lease, 1)
    assert (desk.trial().state, vault.files()) == ("running", ["0-1-1"])
    assert desk.report(lease, 0.8, first=2).acked_seq == 2


def test_the_same_again_changes_nothing_also_when_the_attempt_has_ended(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9)
    saved = vault.save(lease, 1)
    assert vault.save(lease, 1) == saved
    desk.complete(lease, outcome="paused")
    assert vault.save(lease, 1) == saved
    with pytest.raises(StaleLease):
        vault.save(lease, 1, b"other")
    assert vault.read(lease, 1) == b"state"
    assert vault.files() == ["0-1-1"]


def test_other_bytes_take_its_place(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9)
    vault.save(lease, 1)
    vault.save(lease, 1, b"other")
    assert vault.read(lease, 1) == b"other"
    assert vault.files() == ["0-1-1"]
    elsewhere = NewCheckpoint(token=lease.token, uri="s3://mine", sha256="0" * 64, size=1)
    desk.run(vault.keeper.commit(place(lease, 1), elsewhere))
    assert vault.files() == []
    with pytest.raises(CheckpointNotFound, match="not kept by this server but at s3://mine"):
        vault.read(lease, 1)


def test_nobody_names_an_artifact_of_the_server(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9)
    forged = NewCheckpoint(token=lease.token, uri="artifact:1/0-1-1-00", sha256="0" * 64, size=1)
    with pytest.raises(Invalid, match="uri: must not begin with 'artifact:'"):
        desk.run(vault.keeper.commit(place(lease, 1), forged))


@pytest.mark.parametrize("keep_last", [1, 2])
def test_of_each_trial_the_last_stay(desk: Desk, vault: Vault, keep_last: int) -> None:
    lease = running(desk, *[0.5] * 4, count=2, checkpoints={"keep_last": keep_last})
    (other,) = desk.ask()
    desk.report(other, 0.5)
    vault.save(other, 1)
    for step in (1, 2, 3, 4):
        vault.save(lease, step, b"state %d" % step)
    left = [4, 3][:keep_last]
    assert (vault.kept(), vault.kept(number=1)) == (left, [1])
    assert len(vault.files()) == keep_last + 1
    with pytest.raises(CheckpointEvicted, match="the checkpoint of step 1 was removed at 2026-01-01"):
        vault.read(lease, 1)
    assert vault.read(lease, 4) == b"state 4"
    with pytest.raises(CheckpointNotFound):
        vault.read(lease, 77)


def test_what_the_study_may_keep_in_all(desk: Desk, vault: Vault) -> None:
    desk.study(checkpoints={"max_bytes": 25})
    desk.enqueue(4)
    leases = desk.ask(4)
    for place_, lease in enumerate(leases):
        desk.report(lease, 0.1 * (place_ + 1))
    for lease in leases[:2]:
        vault.save(lease, 1, b"x" * 10)
        desk.complete(lease)
    vault.save(leases[2], 1, b"x" * 10)
    assert [vault.kept(number=number) for number in range(3)] == [[1], [], [1]], "the worst of the ended ones went"
    vault.save(leases[3], 1, b"x" * 10)
    assert [vault.kept(number=number) for number in range(4)] == [[], [], [1], [1]]
    vault.save(leases[3], 1, b"x" * 100)
    assert [vault.kept(number=number) for number in range(4)] == [[], [], [1], [1]], "those of running ones stay"
    assert len(vault.files()) == 2


def test_one_whose_bytes_are_gone_is_told_as_gone(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9)
    saved = vault.save(lease, 1)
    assert saved.artifact is not None
    desk.run(vault.artifacts.remove([saved.artifact]))
    with pytest.raises(CheckpointEvicted):
        vault.read(lease, 1)


def test_what_nobody_speaks_of_is_swept(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9)
    saved = vault.save(lease, 1)
    assert saved.artifact is not None
    folder = saved.artifact.partition("/")[0]

    async def leave() -> None:
        async with vault.artifacts.draft(f"{folder}/0-9-9-" + "0" * 32) as draft:
            await draft.write(b"x")
            await draft.keep()

    desk.run(leave())
    assert len(vault.files()) == 2
    assert desk.run(Sweeper(artifacts=vault.artifacts, seconds=3_600).remove_orphans(desk.store)) == 0
    assert desk.run(vault.sweeper.remove_orphans(desk.store)) == 1
    assert vault.files() == ["0-1-1"]
    assert desk.run(vault.sweeper.remove_deleted(desk.store)) == 0


def test_a_deleted_study_takes_its_artifacts_along(desk: Desk, vault: Vault) -> None:
    lease = running(desk, 0.9)
    vault.save(lease, 1)
    desk.write(lambda tx: studies.delete(tx, "s", force=True, revision=None))
    assert desk.run(vault.sweeper.remove_deleted(desk.store)) == 1
    assert vault.files() == []


def test_preempted_with_a_checkpoint_that_was_superseded_since_costs_nothing(desk: Desk, vault: Vault) -> None:
    desk.study(retry={"max_attempts": 2})
    desk.enqueue()
    for step in range(1, 7):
        (lease,) = desk.ask()
        desk.report(lease, 0.5, step=step)
        vault.save(lease, step, b"state %d" % step)
        assert desk.complete(lease, outcome="preempted").state == "queued"
    assert vault.kept() == [6]
