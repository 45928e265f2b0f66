"""Artifacts in a folder of this machine: written beside, synced, then given their name."""

import asyncio
import errno
import os
import secrets
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from service.artifacts.names import DRAFT, checked
from service.domain.errors import ArtifactsFull, ArtifactsUnavailable
from service.usecases.artifacts import Draft, Opened

_PIECE_BYTES = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class LocalArtifacts:
    """The `Artifacts` port over a folder."""

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._clock = clock

    @asynccontextmanager
    async def draft(self, name: str) -> AsyncIterator[Draft]:
        """Begin to write."""
        path = self._folder / checked(name)
        with _told():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.parent / f"{DRAFT}{secrets.token_hex(8)}"
            draft = _LocalDraft(beside, path)
        try:
            yield draft
        finally:
            draft.discard()

    async def open(self, name: str) -> Opened:
        """Begin to read; FileNotFoundError if there is nothing."""
        path = self._folder / checked(name)
        with _told():
            return Opened((await asyncio.to_thread(path.stat)).st_size, _pieces(path))

    async def remove(self, names: Sequence[str]) -> None:
        """Remove what is there of these."""
        with _told():
            for name in names:
                await asyncio.to_thread((self._folder / checked(name)).unlink, missing_ok=True)

    async def studies(self) -> Sequence[int]:
        """The ids of the studies that have artifacts."""
        with _told():
            return await asyncio.to_thread(self._studies)

    async def older(self, study_id: int, seconds: float) -> Sequence[str]:
        """The names in a study's folder that were last written to at least so long ago, broken-off drafts included."""
        with _told():
            return await asyncio.to_thread(self._older, study_id, self._clock().timestamp() - seconds)

    async def remove_study(self, study_id: int) -> None:
        """Remove a study's folder with all that is in it."""
        with _told(), suppress(FileNotFoundError):
            await asyncio.to_thread(shutil.rmtree, self._folder / str(study_id))

    def _studies(self) -> list[int]:
        if not self._folder.is_dir():
            return []
        return sorted(int(one.name) for one in self._folder.iterdir() if one.name.isdecimal() and one.is_dir())

    def _older(self, study_id: int, moment: float) -> list[str]:
        found = []
        with suppress(FileNotFoundError):
            for one in os.scandir(self._folder / str(study_id)):
                if one.stat().st_mtime <= moment:
                    found.append(f"{study_id}/{one.name}")
        return sorted(found)


class _LocalDraft:
    """A file beside the place where it is to be."""

    def __init__(self, beside: Path, path: Path) -> None:
        self._beside = beside
        self._path = path
        self._file = beside.open("xb", buffering=0)

    async def write(self, piece: bytes) -> None:
        """Add a piece."""
        with _told():
            await asyncio.to_thread(self._write, piece)

    async def keep(self) -> None:
        """Make it safe, and give it its name."""
        with _told():
            await asyncio.to_thread(self._keep)

    def discard(self) -> None:
        """Leave nothing behind of what was not kept."""
        self._file.close()
        self._beside.unlink(missing_ok=True)

    def _write(self, piece: bytes) -> None:
        # A file without a buffer may take a part only, when the disk is nearly full.
        rest = memoryview(piece)
        while rest:
            rest = rest[self._file.write(rest) :]

    def _keep(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()
        self._beside.replace(self._path)
        # The new name, and the folder that may be new too, are safe only once their folders are.
        for folder in (self._path.parent, self._path.parent.parent):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


async def _pieces(path: Path) -> AsyncGenerator[bytes, None]:
    # Opened by whoever begins to read: nobody would close it for one who never does.
    file = await asyncio.to_thread(open, path, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
            yield piece
    finally:
        file.close()


@contextmanager
def _told() -> Iterator[None]:
    """Say what an error of the disk means."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise ArtifactsFull(f"no room is left where checkpoints are kept: {error.strerror}") from error
        raise ArtifactsUnavailable(f"the folder of checkpoints cannot be used: {error.strerror}") from error
