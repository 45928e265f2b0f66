"""Opening the artifact store that the settings name."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from service.artifacts.local import LocalArtifacts
from service.domain.errors import ArtifactsUnavailable
from service.usecases.artifacts import Artifacts


def open_artifacts(url: str | None, folder: Path, clock: Callable[[], datetime]) -> Artifacts:
    """The artifacts at a URL; in the folder if none is given. ArtifactsUnavailable says what is missing for a URL."""
    if url is None:
        return LocalArtifacts(folder, clock)
    parts = urlsplit(url)
    if parts.scheme == "file":
        # A folder of this machine all the same, and fsspec would not wait until it is on the disk.
        return LocalArtifacts(Path(unquote(parts.path)), clock)
    try:
        from service.artifacts.remote import RemoteArtifacts

        return RemoteArtifacts(url, clock)
    except (ImportError, ValueError) as error:
        hint = "pip install 'basin[artifacts]', and what it needs for this place (s3fs, gcsfs, adlfs ...)"
        raise ArtifactsUnavailable(f"artifacts_url: {parts.scheme}:// cannot be used: {error} ({hint})") from error
