"""What an attempt leaves on disk, so that nothing of it is lost when the server is away or the agent is killed.

One folder for each attempt: its lease, its points (only ever appended to), how far the server has them, its newest
checkpoint, and its end. A point is written at once, so it outlives the agent; it is synchronised to the disk at most
every few seconds, so a node that loses its power may lose that much of what the server had not got yet. What cannot be
written (a full disk) is kept in memory, and written once there is room.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from service.wire.lease import Complete, Lease
from service.wire.message import Answer
from service.wire.trial import NewPoint
from worker.messages import Ended, Saved, decode, encode

MAX_BATCH_BYTES = 900_000
MAX_BATCH = 1_000
LEASE, POINTS, ACKED, LOG, DATA = "lease.json", "points.jsonl", "acked", "log", "data"
CHECKPOINT, ENDED, COMPLETE = "checkpoint.json", "ended.json", "complete.json"
_LINE = re.compile(rb'\{"seq":(\d+),.*\}\n', re.DOTALL)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The newest checkpoint: the file, the point that it belongs to, and whether the server has it."""

    step: int
    path: str
    sha256: str
    size: int
    seq: int
    committed: bool = False

    @classmethod
    def of(cls, saved: Saved, seq: int) -> "Kept":
        """A checkpoint that was just saved, behind so many points."""
        return cls(step=saved.step, path=saved.path, sha256=saved.sha256, size=saved.size, seq=seq)


class Granted(Answer):
    """A lease, and the server that granted it."""

    server: str
    lease: Lease


class Spool:
    """The folder of one attempt. `acked` is how far the server has the points, `last` how many there are."""

    def __init__(self, folder: Path, lease: Lease, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.lease = lease
        self.server = ""
        self.last = 0
        self.acked = 0
        self.data_fingerprint: str | None = None
        self.kept: Kept | None = None
        self.ended: Ended | None = None
        self.complete: Complete | None = None
        self._say = say
        self._file: BinaryIO | None = None
        self._written = 0
        self._offset = 0
        self._waiting: list[bytes] = []
        self._full = False

    @classmethod
    def new(cls, folder: Path, lease: Lease, server: str, say: Callable[[str], None]) -> "Spool":
        """The spool of an attempt that begins."""
        spool = cls(folder, lease, say)
        spool._tried(lambda: folder.mkdir(parents=True, exist_ok=True))
        spool._put(LEASE, Granted(server=server, lease=lease).model_dump_json().encode())
        return spool

    @classmethod
    def left(cls, folder: Path, say: Callable[[str], None]) -> "Spool | None":
        """The spool that an earlier agent left in a folder; None if there is no whole one."""
        granted = _read(folder / LEASE, Granted.model_validate_json)
        if granted is None:
            return None
        spool = cls(folder, granted.lease, say)
        spool.server = granted.server
        spool.kept = _read(folder / CHECKPOINT, lambda body: Kept(**json.loads(body)))
        spool.ended = _read(folder / ENDED, _ended)
        spool.complete = _read(folder / COMPLETE, Complete.model_validate_json)
        spool.data_fingerprint = _read(folder / DATA, bytes.decode)
        spool._recover_points()
        return spool

    # --- points

    def append(self, points: Sequence[tuple[int, NewPoint]]) -> None:
        """Take points up, in order. Never fails: what the disk does not take stays in memory."""
        for seq, point in points:
            body = point.model_dump_json(exclude_none=True)
            self._waiting.append(f'{{"seq":{seq},"point":{body}}}\n'.encode())
            self.last = seq
        self.flush()

    def batch(self, limit: int = MAX_BATCH) -> tuple[int, list[NewPoint]]:
        """The first points that the server does not have yet, and the number of the first of them."""
        points: list[NewPoint] = []
        first, size = self.acked + 1, 0
        for line in self._behind():
            size += len(line)
            if len(points) >= limit or (points and size > MAX_BATCH_BYTES):
                break
            if not points:
                first = _seq(line)
            points.append(NewPoint.model_validate(json.loads(line)["point"]))
        return first, points

    def acknowledge(self, seq: int) -> None:
        """The server has all points up to this one."""
        if seq < self.acked:  # it has lost some, and says so by a gap: they are sent again
            self._offset = 0
        self.acked = min(max(seq, 0), self.last)
        self._skip()
        self._put(ACKED, str(self.acked).encode())

    def flush(self) -> None:
        """Write what waits. What is written half is cut off again."""
        if not self._waiting:
            return
        content = b"".join(self._waiting)
        try:
            if self._file is None:
                self._file = (self.folder / POINTS).open("ab", buffering=0)
            self._write(self._file, content)
        except OSError as error:
            self._not_written(error)
            return
        self._written += len(content)
        self._waiting.clear()
        if self._full:
            self._full = False
            self._say(f"the disk takes the points of {self._name} again")

    def fsync(self) -> None:
        """Wait until what is written is on the disk. It may be called beside everything else."""
        with contextlib.suppress(OSError, ValueError):
            if self._file is not None:
                os.fsync(self._file.fileno())

    def trained_on(self, fingerprint: str) -> None:
        """Remember which data it is trained on: that goes with its points."""
        self.data_fingerprint = fingerprint
        self._put(DATA, fingerprint.encode())

    # --- checkpoint and end

    def keep(self, kept: Kept) -> None:
        """Remember the newest checkpoint."""
        self.kept = kept
        self._put(CHECKPOINT, json.dumps(asdict(kept)).encode())

    def end(self, ended: Ended) -> None:
        """Remember how the process ended."""
        self.ended = ended
        self._put(ENDED, encode(ended), sync=True)

    def completing(self, body: Complete) -> None:
        """Remember what is sent as the attempt's end: it must be the same when it is sent again."""
        self.complete = body
        self._put(COMPLETE, body.model_dump_json(exclude_none=True, by_alias=True).encode(), sync=True)

    def drop(self) -> None:
        """The attempt is done with: forget it."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    # --- the disk

    def _recover_points(self) -> None:
        whole = 0
        path = self.folder / POINTS
        if path.exists():
            with path.open("rb") as file:
                for line in file:
                    if (seq := _seq(line)) <= self.last:  # cut off while it was written
                        break
                    self.last, whole = seq, whole + len(line)
            os.truncate(path, whole)
        self._written = whole
        self.acked = min(_read(self.folder / ACKED, int) or 0, self.last)
        self._skip()

    def _behind(self) -> Iterator[bytes]:
        """The lines of points that the server does not have, from the file and then from memory."""
        if self._offset < self._written:
            with (self.folder / POINTS).open("rb") as file:
                file.seek(self._offset)
                while file.tell() < self._written and (line := file.readline()):
                    yield line
        yield from self._waiting

    def _skip(self) -> None:
        """Move past the points that the server has."""
        if self._offset < self._written:
            with (self.folder / POINTS).open("rb") as file:
                file.seek(self._offset)
                while self._offset < self._written and (line := file.readline()) and _seq(line) <= self.acked:
                    self._offset += len(line)
        # What the server has before it was ever written need not be.
        while self._waiting and _seq(self._waiting[0]) <= self.acked:
            self._waiting.pop(0)

    def _write(self, file: BinaryIO, content: bytes) -> None:
        done = 0
        try:
            while done < len(content):
                done += file.write(content[done:]) or 0
        except OSError:
            os.ftruncate(file.fileno(), self._written)
            raise

    def _not_written(self, error: OSError) -> None:
        if not self._full:
            self._full = True
            self._say(
                f"the points of {self._name} cannot be written to {self.folder} ({error.strerror or error}); they are "
                "kept in memory: make room there, and do not end this worker before they are sent"
            )

    @property
    def _name(self) -> str:
        return f"{self.lease.study} trial {self.lease.trial}"

    def _put(self, name: str, content: bytes, *, sync: bool = False) -> None:
        """Write a small file whole, or leave what was there."""

        def write() -> None:
            beside = self.folder / f"{name}.new"
            with beside.open("wb") as file:
                file.write(content)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            beside.replace(self.folder / name)

        self._tried(write)

    def _tried(self, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            self._not_written(error)


def _read(path: Path, read: Callable[[bytes], T]) -> T | None:
    """What a small file says; None if it is not there, or not whole."""
    try:
        return read(path.read_bytes())
    except (OSError, ValueError, TypeError):
        return None


def _ended(line: bytes) -> Ended | None:
    message = decode(line)
    return message if isinstance(message, Ended) else None


def _seq(line: bytes) -> int:
    """The number of a point; 0 for a line that was not written whole."""
    found = _LINE.match(line)
    return int(found[1]) if found else 0


def folder_of(root: Path, lease: Lease) -> Path:
    """Where an attempt's spool lies. A study may be called anything, a folder may not."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", lease.study)[:40]
    whole = hashlib.sha256(lease.study.encode()).hexdigest()[:8]
    return root / f"{plain}-{whole}-{lease.trial}-{lease.attempt}-{lease.token}"


def spools(folder: Path) -> list[Path]:
    """The folders of attempts that are there, oldest first."""
    if not folder.is_dir():
        return []
    return sorted((one for one in folder.iterdir() if one.is_dir()), key=lambda one: (one.stat().st_mtime, one.name))
