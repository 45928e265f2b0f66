"""Checkpoints on disk: written whole or not at all, summed as they are written, read without unpickling anything."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from trainers import state

KEPT = 2
"""So many of an attempt's checkpoints stay on disk. The older ones are removed once a newer one stands."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_OURS = re.compile(r"step-(\d{12})\b.*")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """A file that stands whole, and what it holds."""

    path: Path
    sha256: str
    size: int


def save(what: Any, folder: Path, step: int) -> Written | None:
    """Write a state, or copy a file or a folder; None if the disk is full."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        written = _write(what, folder, step)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _remove_older(folder, keep=1)
        try:
            written = _write(what, folder, step)
        except OSError as again:
            if again.errno not in _FULL:
                raise
            return None
    _remove_older(folder, keep=KEPT)
    return written


def load(path: Path) -> Any:
    """What was saved: a state, or the folder that a folder's copy was unpacked to."""
    with path.open("rb") as file:
        head = file.read(512)
    if state.is_state(head):
        return state.read(path)
    if head[257:262] == b"ustar":
        return _unpack(path)
    if head[:4] == b"PK\x03\x04" and (torch := _torch()) is not None:
        return torch.load(path, map_location="cpu", weights_only=True)
    raise ValueError(f"{path.name} is no state and no folder that was saved with trial.checkpoint: open it yourself")


class _Summed:
    """A file that sums what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sum = hashlib.sha256()
        self.size = 0

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B") if not isinstance(data, bytes) else data
        self._file.write(view)
        self.sum.update(view)
        self.size += len(view)
        return len(view)

    def flush(self) -> None:
        self._file.flush()


def _write(what: Any, folder: Path, step: int) -> Written:
    name = f"step-{step:012}"
    if not isinstance(what, str | os.PathLike):
        plan = state.Plan(what)
        with _whole(folder / f"{name}.safetensors") as sink:
            plan.write(sink)
        return Written(folder / f"{name}.safetensors", sink.sum.hexdigest(), sink.size)
    source = Path(what)
    if source.is_dir():
        target = folder / f"{name}.tar"
        with _whole(target) as sink:
            _pack(source, sink)
    elif source.is_file():
        target = folder / f"{name}{source.suffix}"
        with source.open("rb") as file, _whole(target) as sink:
            shutil.copyfileobj(file, sink, _BLOCK)
    else:
        raise FileNotFoundError(f"checkpoint: there is no file or folder {source}")
    return Written(target, sink.sum.hexdigest(), sink.size)


@contextmanager
def _whole(target: Path) -> Iterator[_Summed]:
    """Write beside, wait for the disk, put it in its place, wait for the folder."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            sink = _Summed(file)
            yield sink
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    descriptor = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _pack(source: Path, sink: _Summed) -> None:
    """The same files make the same bytes: names in order, no owners and no times."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mtime = 0
        return info if info.isreg() or info.isdir() else None

    with tarfile.open(fileobj=cast(BinaryIO, sink), mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(source.rglob("*")):
            archive.add(path, arcname=path.relative_to(source).as_posix(), recursive=False, filter=plain)


def _unpack(path: Path) -> Path:
    folder = path.with_name(f"{path.name}.unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with tarfile.open(path, mode="r:") as archive:
        for member in archive:
            target = folder / member.name
            if member.name.startswith("/") or ".." in Path(member.name).parts:
                raise ValueError(f"{path.name} holds {member.name!r}, which would lie outside its folder")
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            elif member.isreg() and (held := archive.extractfile(member)) is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    shutil.copyfileobj(held, file, _BLOCK)
    return folder


def _remove_older(folder: Path, *, keep: int) -> None:
    ours = sorted(path for path in folder.iterdir() if _OURS.fullmatch(path.name) and path.is_file())
    for path in ours[:-keep]:
        with contextlib.suppress(OSError):
            path.unlink()


def _torch() -> Any:
    if "torch" not in sys.modules:
        try:
            __import__("torch")
        except ImportError:
            return None
    return sys.modules["torch"]
