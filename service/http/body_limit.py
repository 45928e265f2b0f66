"""The longest body that is read, whether its length is announced or not."""

from collections.abc import AsyncIterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.uploads import Limit, Limits, read_off


class BodyLimit:
    """Counts the bytes of bodies that do not say how long they are, and believes those that do."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.limits.of(scope)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), None)
        if announced is None:
            await self.app(scope, _counted(receive, limit), send)
        elif announced.isdigit() and int(announced) <= limit.most_bytes:
            await self.app(scope, receive, send)
        else:
            if not any(name == b"expect" for name, _ in scope["headers"]):
                await read_off(_pieces(receive))
            await limit.refusal().response()(scope, receive, send)


def _counted(receive: Receive, limit: Limit) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit.most_bytes:
            if message.get("more_body"):
                await read_off(_pieces(receive))
            raise limit.refusal()
        return message

    return counted


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        yield message.get("body", b"")
