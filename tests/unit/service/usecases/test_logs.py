"""Logs: added by byte offset, capped, read in parts."""

import random

import pytest

from service.domain.errors import AttemptNotFound, OffsetGap, StaleLease, StudyNotFound, TrialNotFound
from service.usecases import logs
from service.usecases.logs import LogPart
from service.wire.lease import Lease
from tests.unit.service.usecases.conftest import Desk


@pytest.fixture
def lease(desk: Desk) -> Lease:
    desk.study()
    desk.enqueue(2)
    (first,) = desk.ask()
    return first


def add(desk: Desk, lease: Lease, offset: int, data: bytes, most: int = 10**6, **fields: int) -> int:
    where = (lease.study, lease.trial, fields.get("attempt", lease.attempt), fields.get("token", lease.token))
    return desk.write(lambda tx: logs.append(tx, *where, offset, data, most_bytes=most))


def read(desk: Desk, offset: int = 0, most: int = 10**6, attempt: int | None = 1, number: int = 0) -> LogPart:
    return desk.read(lambda tx: logs.read(tx, "s", number, attempt, offset, most))


def test_what_is_written_is_read(desk: Desk, lease: Lease) -> None:
    assert add(desk, lease, 0, b"one\n") == 4
    assert add(desk, lease, 4, b"two\n") == 8
    assert add(desk, lease, 8, b"") == 8
    assert read(desk) == LogPart(1, b"one\ntwo\n", 8)
    assert read(desk, 2, 3) == LogPart(1, b"e\n", 4), "at most so many"
    assert read(desk, 4, 3) == LogPart(1, b"two", 7)
    assert read(desk, 8) == LogPart(1, b"", 8)
    assert read(desk, 99) == LogPart(1, b"", 99)


def test_a_repeat_changes_nothing_and_a_gap_is_told(desk: Desk, lease: Lease) -> None:
    add(desk, lease, 0, b"one\n")
    assert add(desk, lease, 0, b"one\n") == 4
    assert add(desk, lease, 0, b"one\ntwo\n") == 8, "what is new of it is added"
    with pytest.raises(OffsetGap, match="begin at 9, the log that is stored ends at 8") as gap:
        add(desk, lease, 9, b"x")
    assert gap.value.context["next_offset"] == 8
    assert read(desk).data == b"one\ntwo\n"


def test_only_its_holder_writes_also_when_it_has_ended(desk: Desk, lease: Lease) -> None:
    with pytest.raises(StaleLease):
        add(desk, lease, 0, b"x", token=lease.token + 1)
    with pytest.raises(AttemptNotFound):
        add(desk, lease, 0, b"x", attempt=2)
    desk.complete(lease, outcome="failed", failure={"class": "infra"})
    assert add(desk, lease, 0, b"the last words") == 14


def test_of_a_long_log_the_middle_is_left_out(desk: Desk, lease: Lease) -> None:
    line = b"%06d\n"
    whole = b"".join(line % number for number in range(3000))
    for begin in range(0, len(whole), 700):
        add(desk, lease, begin, whole[begin : begin + 700], most=7000)
    part = read(desk)
    head, _, tail = part.data.partition(b"\n... ")
    told, _, tail = tail.partition(b" bytes are left out here ...\n")
    assert part.next_offset == len(whole)
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert int(told.replace(b",", b"")) == len(whole) - len(head) - len(tail)
    assert 3000 <= len(head) <= 5000
    assert 3000 <= len(tail) <= 5000


def test_read_in_parts_it_is_the_same(desk: Desk, lease: Lease, rng: random.Random) -> None:
    whole = rng.randbytes(20_000)
    for begin in range(0, len(whole), 999):
        add(desk, lease, begin, whole[begin : begin + 999], most=9_000)
    once = read(desk)
    at, parts = 0, b""
    while (part := read(desk, at, rng.randrange(1, 2_000))).next_offset > at:
        at, parts = part.next_offset, parts + part.data
    assert (parts, at) == (once.data, once.next_offset)


def test_the_newest_attempt_is_shown_unless_one_is_named(desk: Desk, lease: Lease) -> None:
    add(desk, lease, 0, b"first")
    desk.complete(lease, outcome="failed", failure={"class": "infra"})
    (again,) = desk.ask()
    assert read(desk, attempt=None) == LogPart(2, b"", 0)
    add(desk, again, 0, b"second")
    assert read(desk, attempt=None) == LogPart(2, b"second", 6)
    assert read(desk, attempt=1).data == b"first"
    assert read(desk, attempt=None, number=1) == LogPart(1, b"", 0), "one that never ran has written nothing"
    for attempt in (0, 3):
        with pytest.raises(AttemptNotFound):
            read(desk, attempt=attempt)
    with pytest.raises(TrialNotFound):
        read(desk, number=9)
    with pytest.raises(StudyNotFound):
        desk.read(lambda tx: logs.read(tx, "x", 0, None, 0, 1))
