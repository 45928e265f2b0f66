"""Where the bytes of checkpoints are kept: a port, implemented in `service/artifacts`, and the names that they have.

Names are made of numbers and checksums only. What is written has its name once it is whole and safe; before that nobody
sees it.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from service.domain.trial import AttemptKey


def name_of(key: AttemptKey, step: int, sha256: str) -> str:
    """The name of a checkpoint's bytes. Other bytes have another name: nothing is ever written over."""
    return f"{key.study_id}/{key.number}-{key.attempt}-{step}-{sha256[:32]}"


@dataclass(frozen=True, slots=True)
class Opened:
    """An artifact that can be read."""

    size: int
    pieces: AsyncGenerator[bytes, None]


class Draft(Protocol):
    """An artifact that is being written. What is not kept leaves nothing behind."""

    async def write(self, piece: bytes) -> None:
        """Add a piece; ArtifactsFull, ArtifactsUnavailable."""

    async def keep(self) -> None:
        """Make it safe, and give it its name; one of the same name is replaced."""


class Artifacts(Protocol):
    """A place for files, in folders named by the id of a study."""

    def draft(self, name: str) -> AbstractAsyncContextManager[Draft]:
        """Begin to write."""

    async def open(self, name: str) -> Opened:
        """Begin to read; FileNotFoundError if there is nothing."""

    async def remove(self, names: Sequence[str]) -> None:
        """Remove what is there of these."""

    async def studies(self) -> Sequence[int]:
        """The ids of the studies that have artifacts."""

    async def older(self, study_id: int, seconds: float) -> Sequence[str]:
        """The names in a study's folder that were last written to at least so long ago, broken-off drafts included."""

    async def remove_study(self, study_id: int) -> None:
        """Remove a study's folder with all that is in it."""
