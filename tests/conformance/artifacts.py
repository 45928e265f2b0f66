"""The suite that holds every artifact store to its contract. Subclass it and give the fixture `artifacts`."""

import asyncio
import errno
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.domain.errors import ArtifactsFull, ArtifactsUnavailable
from service.usecases.artifacts import Artifacts

NAME = "7/3-1-20-" + "ab" * 16
OTHER = "7/3-1-30-" + "cd" * 16


class Clock:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Shelf:
    """An artifact store with the event loop that it is used from."""

    def __init__(self, artifacts: Artifacts, runner: asyncio.Runner) -> None:
        self.artifacts = artifacts
        self.run: Callable[[Any], Any] = runner.run

    def put(self, name: str, *pieces: bytes, keep: bool = True) -> None:
        async def write() -> None:
            async with self.artifacts.draft(name) as draft:
                for piece in pieces:
                    await draft.write(piece)
                if keep:
                    await draft.keep()

        self.run(write())

    def get(self, name: str) -> tuple[int, bytes]:
        async def read() -> tuple[int, bytes]:
            opened = await self.artifacts.open(name)
            return opened.size, b"".join([piece async for piece in opened.pieces])

        found: tuple[int, bytes] = self.run(read())
        return found

    def older(self, study_id: int = 7, seconds: float = 0) -> list[str]:
        return list(self.run(self.artifacts.older(study_id, seconds)))


class ArtifactsConformance:
    """All of `service.usecases.artifacts.Artifacts`."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def shelf(self, artifacts: Artifacts) -> Iterator[Shelf]:
        with asyncio.Runner() as runner:
            yield Shelf(artifacts, runner)

    @pytest.mark.parametrize("pieces", [(), (b"x",), (b"one", b"", b"two"), (bytes(range(256)) * 8192, b"end")])
    def test_what_was_written_is_read(self, shelf: Shelf, pieces: tuple[bytes, ...]) -> None:
        shelf.put(NAME, *pieces)
        whole = b"".join(pieces)
        assert shelf.get(NAME) == (len(whole), whole)

    def test_another_of_the_same_name_takes_its_place(self, shelf: Shelf) -> None:
        shelf.put(NAME, b"one")
        shelf.put(OTHER, b"other")
        shelf.put(NAME, b"two")
        assert (shelf.get(NAME)[1], shelf.get(OTHER)[1]) == (b"two", b"other")

    def test_what_is_not_kept_leaves_nothing(self, shelf: Shelf) -> None:
        shelf.put(NAME, b"kept")
        shelf.put(NAME, b"not kept", keep=False)
        shelf.put(OTHER, b"not kept", keep=False)
        assert shelf.get(NAME)[1] == b"kept"
        with pytest.raises(FileNotFoundError):
            shelf.get(OTHER)
        assert shelf.older() == [NAME]

    def test_nobody_sees_what_is_not_whole(self, shelf: Shelf) -> None:
        async def scene() -> None:
            async with shelf.artifacts.draft(NAME) as draft:
                await draft.write(b"half")
                with pytest.raises(FileNotFoundError):
                    await shelf.artifacts.open(NAME)
                await draft.write(b"whole")
                await draft.keep()
            assert (await shelf.artifacts.open(NAME)).size == 9

        shelf.run(scene())

    def test_what_breaks_off_leaves_nothing(self, shelf: Shelf) -> None:
        async def scene() -> None:
            async with shelf.artifacts.draft(NAME) as draft:
                await draft.write(b"half")
                raise ConnectionError

        with pytest.raises(ConnectionError):
            shelf.run(scene())
        assert shelf.older() == []

    def test_what_is_removed_is_gone(self, shelf: Shelf) -> None:
        shelf.put(NAME, b"one")
        shelf.put(OTHER, b"two")
        for _ in range(2):
            shelf.run(shelf.artifacts.remove([NAME]))
        with pytest.raises(FileNotFoundError):
            shelf.get(NAME)
        assert shelf.older() == [OTHER]
        shelf.run(shelf.artifacts.remove([]))

    def test_studies_are_told_and_removed(self, shelf: Shelf) -> None:
        assert list(shelf.run(shelf.artifacts.studies())) == []
        shelf.put(NAME, b"one")
        shelf.put("12/0-1-1-" + "0" * 32, b"two")
        assert list(shelf.run(shelf.artifacts.studies())) == [7, 12]
        for _ in range(2):
            shelf.run(shelf.artifacts.remove_study(7))
        assert list(shelf.run(shelf.artifacts.studies())) == [12]
        assert shelf.older(7) == []
        assert shelf.get("12/0-1-1-" + "0" * 32)[1] == b"two"

    def test_the_old_ones_are_told(self, shelf: Shelf, clock: Clock) -> None:
        shelf.put(NAME, b"one")
        assert shelf.older(seconds=3_600) == []
        clock.ahead = timedelta(hours=2)
        assert shelf.older(seconds=3_600) == [NAME]
        assert shelf.older(8, 0) == []

    @pytest.mark.parametrize(
        "name", ["", "7", "7/", "../7/x", "7/../x", "/7/x", "7/x/y", "7/x\0", "a/x", "7/X", "7/.."]
    )
    def test_no_other_name_leads_anywhere(self, shelf: Shelf, name: str) -> None:
        for call in (lambda: shelf.put(name, b"x"), lambda: shelf.get(name)):
            with pytest.raises(ValueError, match="is not the name of an artifact"):
                call()
        with pytest.raises(ValueError, match="is not the name of an artifact"):
            shelf.run(shelf.artifacts.remove([name]))

    @pytest.mark.parametrize(
        ("code", "refusal"),
        [(errno.ENOSPC, ArtifactsFull), (errno.EDQUOT, ArtifactsFull), (errno.EIO, ArtifactsUnavailable)],
    )
    def test_a_full_disk_and_a_broken_one_are_told(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, code: int, refusal: type[Exception]
    ) -> None:
        async def scene() -> None:
            async with shelf.artifacts.draft(NAME) as draft:
                await draft.write(b"fits")

                class Full:
                    def __init__(self, file: Any) -> None:
                        self.file = file

                    def write(self, piece: bytes) -> int:
                        raise OSError(code, "no")

                    def __getattr__(self, name: str) -> Any:
                        return getattr(self.file, name)

                monkeypatch.setattr(draft, "_file", Full(vars(draft)["_file"]))
                await draft.write(b"does not")

        with pytest.raises(refusal):
            shelf.run(scene())
        assert shelf.older() == []
