"""The longest body that is read, whether its length is announced or not."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.errors import too_large


class BodyLimit:
    """Counts the bytes of bodies that do not say how long they are, and believes those that do."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self.app = app
        self.most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), None)
        if announced is None:
            await self.app(scope, self._counted(receive), send)
        elif announced.isdigit() and int(announced) <= self.most_bytes:
            await self.app(scope, receive, send)
        else:
            await too_large(self.most_bytes).response()(scope, receive, send)

    def _counted(self, receive: Receive) -> Receive:
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.most_bytes:
                raise too_large(self.most_bytes)
            return message

        return counted
