"""Two kinds of route: one reads bodies strictly, the other also skips FastAPI's own work for the calls of workers.

Both ask first whether the sender may do this at all (`permissions`), and prepare its signature (`signing`). Both are
declared as FastAPI routes are, with typed parameters, so that the OpenAPI document makes itself.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.domain.errors import Invalid
from service.http import permissions, signing
from service.http.bodies import parse, refuse_twins
from service.wire.problem import FieldError

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _Read(Request):
    """A request whose body has been read and validated: FastAPI takes the finished message as it is."""

    message: BaseModel

    async def json(self) -> BaseModel:
        return self.message


class WireRoute(APIRoute):
    """A route that parses its body straight into the message and refuses parameters that it does not know."""

    @property
    def message(self) -> type[BaseModel] | None:
        """What the body must be, if the route takes one."""
        if self.body_field is None:
            return None
        model = self.body_field.field_info.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        return model

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request whose sender may do this; what has no place in the table of permissions nobody may do."""
        if scope["method"] in (self.methods or ()):
            operation = self.operation_id or self.name
            permissions.check(scope, operation)
            signing.prepare(scope, operation)
        await super().handle(scope, receive, send)

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        known = {field.alias for field in self.dependant.query_params}
        message = self.message

        async def handle_read(request: Request) -> Response:
            _check_query(request, known)
            if message is None or not (raw := await request.body()):
                return await handle(request)
            read = _Read(request.scope, _once(raw))
            read.message = parse(raw, message)
            refuse_twins(raw)
            return await handle(read)

        return handle_read


class WorkerRoute(WireRoute):
    """A route of few microseconds, for calls that workers make all the time: a path, a JSON body, no parameters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dependant = self.dependant
        assert not [
            *dependant.query_params,
            *dependant.header_params,
            *dependant.cookie_params,
            *dependant.dependencies,
        ]
        self.app = self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        assert self.message is not None
        if not raw:
            raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "", "input": None}])
        response: Response = await self.endpoint(request, **scope["path_params"], body=parse(raw, self.message))
        await response(scope, receive, send)


def _once(raw: bytes) -> Receive:
    """A body that was read before, to be read once more."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    return receive


def _check_query(request: Request, known: set[str]) -> None:
    if not request.scope["query_string"]:
        return
    errors = [
        FieldError(
            field=name, message="is not a known parameter" if name not in known else "must not hold the NUL character"
        )
        for name, value in request.query_params.multi_items()
        if name not in known or "\0" in value
    ]
    if errors:
        raise Invalid.of(errors)
