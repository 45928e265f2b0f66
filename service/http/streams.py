"""Answers that are sent piece by piece."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import quote

from starlette.responses import StreamingResponse
from starlette.types import Send


class Stream(StreamingResponse):
    """A streamed answer whose source is closed at once when the client goes away, not when Python gets to it."""

    def __init__(self, source: AsyncGenerator[bytes, None], media_type: str, headers: dict[str, str]) -> None:
        super().__init__(source, headers=headers, media_type=media_type)
        self._source = source

    async def stream_response(self, send: Send) -> None:
        """Send everything, then let go of the source."""
        async with aclosing(self._source):
            await super().stream_response(send)


def attachment(name: str) -> str:
    """A Content-Disposition for a file of any name (RFC 6266): old clients see ASCII, all others the name itself."""
    plain = "".join(sign if sign.isascii() and sign.isprintable() and sign not in '"\\%' else "_" for sign in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
