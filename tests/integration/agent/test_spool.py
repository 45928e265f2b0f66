"""The spool on a real disk: what is written, what is read back, and what becomes of a disk that is full."""

import os
from pathlib import Path
from typing import BinaryIO

import pytest

from service.wire.lease import Complete, Lease
from service.wire.trial import NewPoint
from worker.messages import Ended, Saved
from worker.spool import Kept, Spool, folder_of, spools

LEASE = Lease(study="größe/..", trial=4, attempt=2, token=9, ttl_seconds=60, params={"x": 1}, seed=1)


def made(root: Path, said: list[str] | None = None) -> Spool:
    say = (said if said is not None else []).append
    return Spool.new(folder_of(root, LEASE), LEASE, "http://server", say)


def left(spool: Spool) -> Spool:
    spool.close()
    again = Spool.left(spool.folder, print)
    assert again is not None
    return again


def points(first: int, last: int) -> list[tuple[int, NewPoint]]:
    return [(seq, NewPoint(step=seq, metrics={"loss": 1 / seq})) for seq in range(first, last + 1)]


def test_points_outlive_the_agent_and_only_the_missing_ones_are_sent(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(points(1, 5))
    spool.acknowledge(3)
    spool.append([(6, NewPoint(step=6, metrics={"loss": float("nan")}))])
    again = left(spool)
    assert (again.last, again.acked, again.server, again.lease) == (6, 3, "http://server", LEASE)
    first, found = again.batch()
    assert (first, [one.step for one in found]) == (4, [4, 5, 6])
    assert found[-1].metrics["loss"] != found[-1].metrics["loss"]
    again.append(points(7, 7))
    again.acknowledge(6)
    assert [one.step for one in again.batch()[1]] == [7]
    again.close()


def test_a_point_that_was_written_half_is_cut_off(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(points(1, 3))
    spool.close()
    file = spool.folder / "points.jsonl"
    file.write_bytes(file.read_bytes()[:-9])
    again = left(spool)
    assert again.last == 2
    again.append(points(3, 3))
    assert [one.step for one in left(again).batch()[1]] == [1, 2, 3]


def test_batches_are_bounded_by_number_and_by_size(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(points(1, 2_500))
    assert len(spool.batch()[1]) == 1_000
    assert len(spool.batch(7)[1]) == 7
    spool.acknowledge(2_500)
    wide = NewPoint(step=9_999, metrics={f"a_metric_of_number_{number}": 1.0 for number in range(64)})
    spool.append([(2_500 + count, wide) for count in range(1, 2_001)])
    assert len(spool.batch()[1]) < 1_000
    spool.close()


def test_what_the_server_lost_is_read_again(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(points(1, 10))
    spool.acknowledge(10)
    spool.acknowledge(4)
    assert spool.batch()[0] == 5
    spool.close()


class Full:
    """A file on a disk that takes so many more bytes."""

    def __init__(self, file: BinaryIO, room: int) -> None:
        self._file = file
        self.room = room

    def write(self, content: bytes) -> int:
        taken = content[: self.room]
        self.room -= len(taken)
        if not taken:
            raise OSError(28, "No space left on device")
        return self._file.write(taken)

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()


def test_a_full_disk_keeps_points_in_memory_until_there_is_room(tmp_path: Path) -> None:
    said: list[str] = []
    spool = made(tmp_path, said)
    spool.append(points(1, 3))
    assert spool._file is not None
    full = Full(spool._file, room=60)
    spool._file = full  # type: ignore[assignment]
    spool.append(points(4, 6))
    spool.append(points(7, 8))
    assert [one.step for one in spool.batch()[1]] == list(range(1, 9)), "all are there, from the disk and from memory"
    assert (spool.folder / "points.jsonl").read_bytes().count(b"\n") == 3, "and nothing is written half"
    assert len(said) == 1
    assert "No space left on device" in said[0]
    spool.acknowledge(7)
    full.room = 10_000
    spool.append(points(9, 9))
    assert "takes the points" in said[1]
    again = left(spool)
    assert (again.last, again.batch()[0], len(again.batch()[1])) == (9, 8, 2)


def test_a_folder_that_cannot_be_written_loses_nothing_while_it_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    spool = made(tmp_path / "file", said)
    spool.append(points(1, 3))
    spool.acknowledge(1)
    spool.keep(Kept.of(Saved(step=1, path="x", sha256="0" * 64, size=1), 1))
    assert [one.step for one in spool.batch()[1]] == [2, 3]
    assert spool.kept is not None
    assert len(said) == 1


def test_checkpoint_and_end_are_remembered(tmp_path: Path) -> None:
    spool = made(tmp_path)
    kept = Kept.of(Saved(step=3, path="/x", sha256="a" * 64, size=5), 3)
    spool.keep(kept)
    spool.end(Ended(outcome="completed", values={"loss": float("inf")}))
    body = Complete(token=9, outcome="completed", values={"loss": float("inf")})
    spool.completing(body)
    again = left(spool)
    assert again.kept == kept
    assert again.ended == Ended(outcome="completed", values={"loss": float("inf")})
    assert again.complete == body


@pytest.mark.parametrize("damage", ["lease.json", "checkpoint.json", "acked"])
def test_what_is_damaged_is_as_if_it_were_not_there(tmp_path: Path, damage: str) -> None:
    spool = made(tmp_path)
    spool.append(points(1, 3))
    spool.acknowledge(2)
    spool.close()
    (spool.folder / damage).write_bytes(b'{"half')
    again = Spool.left(spool.folder, print)
    if damage == "lease.json":
        assert again is None
        return
    assert again is not None
    assert (again.last, again.acked) == (3, 0 if damage == "acked" else 2)


def test_folders_are_safe_names_and_oldest_first(tmp_path: Path) -> None:
    spool = made(tmp_path)
    assert spool.folder.parent == tmp_path
    other = LEASE.model_copy(update={"study": "grosse/.."})
    assert folder_of(tmp_path, other) != spool.folder
    later = Spool.new(folder_of(tmp_path, other), other, "s", print)
    os.utime(spool.folder, (1, 1))
    assert spools(tmp_path) == [spool.folder, later.folder]
    spool.drop()
    assert spools(tmp_path) == [later.folder]
    assert spools(tmp_path / "nothing") == []
