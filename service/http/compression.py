"""Compression of answers that can be long: those to GET."""

from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from service.http.export.parquet import PARQUET
from service.http.uploads import BYTES


class Compression(GZipMiddleware):
    """Leaves event streams and what is compressed already alone, and stays out of the way of workers' calls."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, compresslevel=5, exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, PARQUET, BYTES))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serve = super().__call__ if scope["type"] == "http" and scope["method"] == "GET" else self.app
        await serve(scope, receive, send)
