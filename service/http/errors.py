"""How a refusal becomes an answer: one table of status codes, one form of body (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import InitErrorDetails, to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from service import logs
from service.domain import errors as domain
from service.wire.problem import FieldError, Problem, dotted, field_errors

PROBLEM_JSON = "application/problem+json"

STATUS: Mapping[type[domain.BasinError], int] = {
    domain.BasinError: 500,
    domain.Refused: 400,
    domain.Invalid: 422,
    domain.NotFound: 404,
    domain.StudyNotFound: 404,
    domain.TrialNotFound: 404,
    domain.AttemptNotFound: 404,
    domain.TokenNotFound: 404,
    domain.FinishNotFound: 404,
    domain.TokenMissing: 401,
    domain.TokenInvalid: 401,
    domain.RoleMissing: 403,
    domain.NotYourAttempt: 403,
    domain.WorkerNotFound: 404,
    domain.CheckpointNotFound: 404,
    domain.Gone: 410,
    domain.CheckpointEvicted: 410,
    domain.ChecksumMismatch: 400,
    domain.ProtocolUnsupported: 400,
    domain.Conflict: 409,
    domain.NameTaken: 409,
    domain.WrongState: 409,
    domain.StaleLease: 409,
    domain.SeqGap: 409,
    domain.AlreadyCompleted: 409,
    domain.StudyBusy: 409,
    domain.BudgetSpent: 409,
    domain.RequestReused: 409,
    domain.WorkerTaken: 409,
    domain.OffsetGap: 409,
    domain.FinishRunning: 409,
    domain.SplitOpened: 409,
    domain.DataDiffer: 409,
    domain.RevisionMismatch: 412,
    domain.Unavailable: 503,
    domain.StoreUnavailable: 503,
    domain.StoreFull: 503,
    domain.Overloaded: 503,
    domain.TooManyFailures: 429,
    domain.ArtifactsUnavailable: 503,
    domain.ArtifactsFull: 507,
    domain.SchemaMismatch: 500,
}
"""Every class of the tree of refusals, and nothing by inheritance: a new refusal must be given its status here."""

RETRY_AFTER_SECONDS: Mapping[type[domain.Unavailable], int] = {
    domain.StoreFull: 30,
    domain.Overloaded: 1,
    domain.TooManyFailures: 10,
    domain.ArtifactsFull: 30,
}
_USUAL_RETRY_SECONDS = 2
_CHALLENGE = 'Bearer realm="basin"'
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


class Rejection(HTTPException):
    """A request that HTTP itself makes wrong: it never reaches a use case."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        hint: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.code = code
        self.hint = hint
        self.errors = tuple(errors)

    def response(self) -> Response:
        """The answer that says so."""
        return problem(
            self.status_code, self.code, self.detail, hint=self.hint, errors=self.errors, headers=self.headers
        )


def bad_request(code: str, detail: str, *, field: str = "", hint: str | None = None) -> Rejection:
    """What was sent cannot be read."""
    errors = [FieldError(field=field, message=detail)] if field else []
    return Rejection(400, code, f"{field}: {detail}" if field else detail, errors=errors, hint=hint)


def too_large(limit: int, setting: str | None) -> Rejection:
    """The body has more bytes than are read."""
    raised = f", or raise {setting} on the server" if setting else ""
    return Rejection(
        413,
        "body_too_large",
        f"the body is longer than the {limit:,} bytes that are read",
        hint=f"Send less at once{raised}.",
        headers={"connection": "close"},
    )


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    hint: str | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
    extension: Mapping[str, object] | None = None,
) -> Response:
    """An answer with a problem body; `extension` members stand beside the standard ones."""
    body = Problem(
        title=title(status),
        status=status,
        code=code,
        detail=detail,
        hint=hint,
        errors=tuple(errors),
        request_id=logs.request_id.get(),
    ).model_dump(mode="json", exclude_none=True)
    content = to_json({**(extension or {}), **body}, inf_nan_mode="strings", fallback=str)
    return Response(content, status, {"cache-control": "no-store", **(headers or {})}, PROBLEM_JSON)


def title(status: int) -> str:
    """What a status is called (RFC 9110); Python's own words for it differ from version to version."""
    return _TITLES.get(status) or HTTPStatus(status).phrase


def of_refusal(error: domain.BasinError) -> Response:
    """The answer to a refusal of the domain."""
    return problem(
        STATUS[type(error)],
        error.code,
        error.message,
        hint=error.hint,
        errors=error.errors,
        headers=_headers(error),
        extension=error.context,
    )


def _headers(error: domain.BasinError) -> dict[str, str]:
    match error:
        case domain.Unavailable():
            return {"retry-after": str(RETRY_AFTER_SECONDS.get(type(error), _USUAL_RETRY_SECONDS))}
        case domain.TokenMissing():
            return {"www-authenticate": _CHALLENGE}
        case domain.TokenInvalid():
            return {"www-authenticate": f'{_CHALLENGE}, error="{domain.TokenInvalid.code}"'}
        case _:
            return {}


def internal() -> Response:
    """The answer when the fault is ours: it says nothing but where to look."""
    return problem(500, "internal", "The server failed at this request.", hint="Its log says more at this request_id.")


def install(app: FastAPI) -> None:
    """Let an application answer every refusal with a problem."""
    app.add_exception_handler(domain.BasinError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _rejected)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, domain.BasinError)
    return of_refusal(error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    items = error.errors()
    if any(item["loc"] == ("body",) for item in items):
        return bad_request("invalid_json", "the request needs a JSON body").response()
    given = {name: request.query_params.getlist(name) for name in request.query_params}
    return of_refusal(domain.Invalid.of([found for item in items for found in _parameter(item, given)]))


def _parameter(item: Mapping[str, Any], given: Mapping[str, list[str]]) -> Sequence[FieldError]:
    """Say what is wrong with a parameter in the words that bodies get too."""
    place: tuple[str | int, ...] = tuple(item["loc"][1:])  # behind "query" or "header"
    details = InitErrorDetails(type=item["type"], loc=place, input=None, ctx=item.get("ctx", {}))
    try:
        return field_errors(ValidationError.from_exception_data("parameters", [details]), given)
    except KeyError:  # an error of a validator of ours: it has its own words
        return (FieldError(field=dotted(place), message=str(item["msg"])),)


async def _rejected(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, Rejection):
        return error.response()
    if error.status_code == 405:
        return _method_not_allowed(request)
    if error.status_code == 404:
        return problem(
            404, "not_found", f"There is nothing at {request.url.path}.", hint="GET /v1/openapi.json lists all."
        )
    return problem(error.status_code, f"http_{error.status_code}", str(error.detail), headers=error.headers)


def _method_not_allowed(request: Request) -> Response:
    """Name the methods of all routes at the address: the router knows only those of the first it met."""
    methods: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is Match.PARTIAL:
            methods |= route.methods or set()
    allowed = ", ".join(sorted(methods))
    return problem(
        405,
        "method_not_allowed",
        f"{request.method} is not possible at {request.url.path} (only {allowed}).",
        headers={"allow": allowed},
    )
