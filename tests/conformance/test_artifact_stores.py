"""A folder, and what fsspec reaches, keep the contract of artifact stores."""

from pathlib import Path
from uuid import uuid4

import pytest

from service.artifacts.local import LocalArtifacts
from service.artifacts.opening import open_artifacts
from service.artifacts.remote import RemoteArtifacts
from service.domain.errors import ArtifactsUnavailable
from service.usecases.artifacts import Artifacts
from tests.conformance.artifacts import NAME, ArtifactsConformance, Clock, Shelf


class TestLocalArtifacts(ArtifactsConformance):
    """A folder that is not there yet."""

    @pytest.fixture
    def artifacts(self, tmp_path: Path, clock: Clock) -> Artifacts:
        return LocalArtifacts(tmp_path / "data" / "artifacts", clock)

    def test_a_draft_of_a_server_that_was_killed_is_told_as_old(
        self, shelf: Shelf, tmp_path: Path, clock: Clock
    ) -> None:
        shelf.put(NAME, b"one")
        left = tmp_path / "data" / "artifacts" / "7" / ".draft-00ff"
        left.write_bytes(b"half")
        (name,) = [one for one in shelf.older() if one != NAME]
        shelf.run(shelf.artifacts.remove([name]))
        assert not left.exists()


class TestMemoryArtifacts(ArtifactsConformance):
    """fsspec's own memory, in a folder for each test."""

    @pytest.fixture
    def artifacts(self, clock: Clock) -> Artifacts:
        return RemoteArtifacts(f"memory://basin/{uuid4().hex}", clock)


class TestFileArtifacts(ArtifactsConformance):
    """fsspec's files of this machine."""

    @pytest.fixture
    def artifacts(self, tmp_path: Path, clock: Clock) -> Artifacts:
        return RemoteArtifacts(f"file://{tmp_path}/artifacts", clock)


NOWHERE = Path("/nowhere")


def test_the_settings_choose_the_place(tmp_path: Path) -> None:
    clock = Clock()
    assert isinstance(open_artifacts(None, tmp_path, clock), LocalArtifacts)
    assert isinstance(open_artifacts(f"file://{tmp_path}/a%20b", NOWHERE, clock), LocalArtifacts)
    assert isinstance(open_artifacts("memory://x", NOWHERE, clock), RemoteArtifacts)


def test_a_place_that_cannot_be_used_is_told_with_what_is_missing() -> None:
    for url in ("nonsense://x", "s3://bucket/folder"):
        with pytest.raises(ArtifactsUnavailable, match=r"artifacts_url: .*pip install 'basin\[artifacts\]'"):
            open_artifacts(url, NOWHERE, Clock())
