"""Static files: read once, served under an address that changes with their content, and kept for ever by browsers."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response

_FOR_EVER = "public, max-age=31536000, immutable"
_LEAST_TO_PACK = 500
_KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is and packed."""

    content: bytes
    packed: bytes | None
    kind: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files, and the mark of their content that stands in their addresses.

    One mark for all: modules name one another by relative addresses, so each must be under the mark of the others.
    """

    mark: str
    files: dict[str, Asset]

    def address(self, path: str) -> str:
        """Where a file is served."""
        assert path in self.files, f"there is no static file {path}"
        return f"/static/{self.mark}/{path}"


@cache
def assets() -> Assets:
    """What lies in the folder `static`."""
    files: dict[str, Asset] = {}
    sum = hashlib.blake2b(digest_size=8)
    for path, content in sorted(_walk(resources.files("service.dashboard") / "static", "")):
        sum.update(path.encode() + b"\0" + content)
        packed = gzip.compress(content, 9, mtime=0) if len(content) > _LEAST_TO_PACK else None
        files[path] = Asset(content, packed, _kind(path))
    return Assets(sum.hexdigest(), files)


async def serve(request: Request) -> Response:
    """A static file. An address with an older mark is answered with what there is now, which is not to be kept."""
    known = assets()
    asset = known.files.get(request.path_params["path"])
    if asset is None:
        return Response("There is no such file.\n", 404, media_type="text/plain")
    fresh = request.path_params["mark"] == known.mark
    headers = {"cache-control": _FOR_EVER if fresh else "no-cache", "vary": "accept-encoding"}
    if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, headers={**headers, "content-encoding": "gzip"}, media_type=asset.kind)
    return Response(asset.content, headers=headers, media_type=asset.kind)


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        else:
            found.append((f"{prefix}{entry.name}", entry.read_bytes()))
    return found


def _kind(path: str) -> str:
    ending = path[path.rfind(".") :]
    return _KINDS.get(ending) or mimetypes.guess_type(path)[0] or "application/octet-stream"
