"""Who a worker is: an id that stays in its folder, and an instance that is new at each start.

The folder is locked while a worker runs in it. Whoever holds the lock may say that the instance before is gone.
"""

import fcntl
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from worker.problems import WorkerProblem

_LOCK = "worker.lock"
_FILE = "worker.json"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INSTANCE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Identity:
    """The id of the worker of a folder, this instance of it, and those that may be known as the one before."""

    id: str
    instance: str
    before: Sequence[str]
    folder: Path
    lock: IO[str] = field(repr=False)

    def accepted(self) -> None:
        """The server knows this instance now."""
        _write(self.folder, self.id, [self.instance])

    def close(self) -> None:
        """Let the next worker have the folder."""
        self.lock.close()


def take(folder: Path, *, id: str, instance: str) -> Identity:
    """Lock a folder and read who its worker is; a new one becomes `id`. A second worker there is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("a+")
    except OSError as error:
        raise WorkerProblem(
            f"--workdir {folder}: {error.strerror or error}", hint="Name a folder that can be written to."
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        who = lock.read(20).strip()
        lock.close()
        raise WorkerProblem(
            f"another worker{f' (process {who})' if who else ''} runs in {folder}",
            hint="Give each worker a folder of its own with --workdir.",
        ) from None
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    known, before = _read(folder)
    identity = Identity(known or id, instance, before, folder, lock)
    # Until the server has let us in it may know any of these.
    _write(folder, identity.id, [*before, instance])
    return identity


def _read(folder: Path) -> tuple[str | None, list[str]]:
    try:
        body = json.loads((folder / _FILE).read_text())
        id, instances = body["id"], body["instances"]
    except (OSError, ValueError, KeyError, TypeError):
        return None, []
    if not isinstance(id, str) or not _UUID.fullmatch(id) or not isinstance(instances, list):
        return None, []
    return id, [one for one in instances if isinstance(one, str) and _INSTANCE.fullmatch(one)][-10:]


def _write(folder: Path, id: str, instances: Sequence[str]) -> None:
    beside = folder / f"{_FILE}.new"
    try:
        with beside.open("w") as file:
            json.dump({"id": id, "instances": list(instances)}, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(folder / _FILE)
    except OSError as error:
        raise WorkerProblem(
            f"{folder / _FILE} cannot be written: {error.strerror or error}",
            hint="Make room there, or name another --workdir.",
        ) from None
