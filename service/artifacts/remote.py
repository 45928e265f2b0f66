"""Artifacts in any place that fsspec reaches: S3, GCS, a shared disk. The one module that knows fsspec."""

import asyncio
import errno
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from service.artifacts.names import DRAFT, checked
from service.domain.errors import ArtifactsFull, ArtifactsUnavailable
from service.usecases.artifacts import Draft, Opened

_PIECE_BYTES = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class RemoteArtifacts:
    """The `Artifacts` port over a file system of fsspec. What it does takes its time, and is done in threads."""

    def __init__(self, url: str, clock: Callable[[], datetime]) -> None:
        import fsspec

        self._files, root = fsspec.core.url_to_fs(url)
        self._root = str(root).rstrip("/")
        self._clock = clock

    @asynccontextmanager
    async def draft(self, name: str) -> AsyncIterator[Draft]:
        """Begin to write."""
        path = self._path(name)
        folder = path.rpartition("/")[0]
        draft = _RemoteDraft(self._files, f"{folder}/{DRAFT}{secrets.token_hex(8)}", path)
        with _told():
            await asyncio.to_thread(draft.begin, folder)
        try:
            yield draft
        finally:
            await asyncio.to_thread(draft.discard)

    async def open(self, name: str) -> Opened:
        """Begin to read; FileNotFoundError if there is nothing."""
        path = self._path(name)
        with _told():
            size = await asyncio.to_thread(self._files.size, path)
        return Opened(int(size), _pieces(self._files, path))

    async def remove(self, names: Sequence[str]) -> None:
        """Remove what is there of these."""
        for name in names:
            with _told(), suppress(FileNotFoundError):
                await asyncio.to_thread(self._files.rm_file, self._path(name))

    async def studies(self) -> Sequence[int]:
        """The ids of the studies that have artifacts."""
        with _told():
            found = await asyncio.to_thread(self._names, self._root)
        return sorted(int(name) for name in found if name.isdecimal())

    async def older(self, study_id: int, seconds: float) -> Sequence[str]:
        """The names in a study's folder that were last written to at least so long ago, broken-off drafts included."""
        with _told():
            return await asyncio.to_thread(self._older, study_id, self._clock().timestamp() - seconds)

    async def remove_study(self, study_id: int) -> None:
        """Remove a study's folder with all that is in it."""
        with _told(), suppress(FileNotFoundError):
            await asyncio.to_thread(self._files.rm, f"{self._root}/{study_id}", recursive=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{checked(name)}"

    def _names(self, folder: str) -> list[str]:
        # Other servers write there too: what was listed before is no longer true.
        self._files.invalidate_cache()
        with suppress(FileNotFoundError):
            return [str(one).rstrip("/").rpartition("/")[2] for one in self._files.ls(folder, detail=False)]
        return []

    def _older(self, study_id: int, moment: float) -> list[str]:
        found = []
        for name in self._names(f"{self._root}/{study_id}"):
            with suppress(FileNotFoundError):
                written: datetime = self._files.modified(f"{self._root}/{study_id}/{name}")
                aware = written if written.tzinfo is not None else written.replace(tzinfo=UTC)
                if aware.timestamp() <= moment:
                    found.append(f"{study_id}/{name}")
        return sorted(found)


class _RemoteDraft:
    """A file beside the place where it is to be."""

    def __init__(self, files: Any, beside: str, path: str) -> None:
        self._files = files
        self._beside = beside
        self._path = path
        self._file: Any = None

    def begin(self, folder: str) -> None:
        """Open it."""
        self._files.makedirs(folder, exist_ok=True)
        self._file = self._files.open(self._beside, "wb")

    async def write(self, piece: bytes) -> None:
        """Add a piece."""
        with _told():
            await asyncio.to_thread(self._file.write, piece)

    async def keep(self) -> None:
        """Make it safe, and give it its name."""
        with _told():
            await asyncio.to_thread(self._keep)

    def discard(self) -> None:
        """Leave nothing behind of what was not kept."""
        if self._file is None:
            return
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._files.rm_file(self._beside)

    def _keep(self) -> None:
        self._file.close()
        self._file = None
        self._files.mv(self._beside, self._path)


async def _pieces(files: Any, path: str) -> AsyncGenerator[bytes, None]:
    # Opened by whoever begins to read: nobody would close it for one who never does.
    file = await asyncio.to_thread(files.open, path, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
            yield piece
    finally:
        file.close()


@contextmanager
def _told() -> Iterator[None]:
    """Say what an error of the place means."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise ArtifactsFull(f"no room is left where checkpoints are kept: {error}") from error
        raise ArtifactsUnavailable(f"the place of checkpoints cannot be used: {error}") from error
