"""Who may use the server, and who did what: tokens, sessions of browsers, the audit log."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from service.domain.audit import AuditQuery
from service.domain.errors import TokenInvalid, TokenNotFound, TooManyFailures
from service.domain.token import ID_BYTES, SECRET_BYTES, written
from service.http import access_examples as examples
from service.http import convert, page_tokens
from service.http.addresses import PageSize, PageToken, normal
from service.http.answers import answer
from service.http.documented import documented
from service.http.gate import COOKIE, SESSION, address, known
from service.http.permissions import sender
from service.http.route import WireRoute
from service.http.services import keyring, served, throttle
from service.http.signing import sign
from service.usecases import tokens
from service.usecases.ports import Transaction
from service.wire import audit as wire_audit
from service.wire import token as wire
from service.wire.token import LogIn, NewToken

router = APIRouter(tags=["access"], route_class=WireRoute)
TokenId = Annotated[
    str, Path(pattern="^[0-9a-f]{12}$", description="The public part of a token.", examples=["3f9c1e0a77b2"])
]


@router.post(
    "/v1/tokens",
    **documented("create_token", "Make a token", answer=wire.CreatedToken, example=examples.CREATED, status=201),
)
async def create(request: Request, new: Annotated[NewToken, Body(openapi_examples=examples.NEW_TOKEN)]) -> Response:
    """`token` is told this once. If the answer is lost, revoke the token that the list shows, and make another."""
    services, actor = served(request), sender(request)
    token_id = services.draw_bytes(ID_BYTES).hex()
    secret = written(token_id, services.draw_bytes(SECRET_BYTES))
    sign(request, object=f"tokens/{token_id}", name=new.name, role=new.role, expires_in=new.expires_in)
    made = await services.store.write(lambda tx: tokens.create(tx, new, token_id, secret, actor))
    await keyring(request).reload()
    shown = convert.token(made, made.created_at)
    return answer(wire.CreatedToken(**shown.model_dump(), token=secret), 201)


@router.get("/v1/tokens", **documented("list_tokens", "List tokens", answer=wire.TokenList, example=examples.TOKENS))
async def list_(request: Request) -> Response:
    """Newest first, with those that hold no longer. Secrets are not kept, and so not shown."""

    def page(tx: Transaction) -> Response:
        return answer(wire.TokenList(tokens=tuple(convert.token(token, tx.now) for token in tx.tokens.list())))

    return await served(request).store.read(page)


@router.delete(
    "/v1/tokens/{token_id}",
    **documented("revoke_token", "Revoke a token", status=204, says="It holds no longer.", errors=[TokenNotFound]),
)
async def revoke(request: Request, token_id: TokenId) -> Response:
    """At once on this server, within five seconds on its replicas. Sessions that were opened with it end too."""
    await served(request).store.write(lambda tx: tokens.revoke(tx, token_id))
    await keyring(request).reload()
    return Response(status_code=204)


@router.post(
    "/v1/session",
    **documented(
        "log_in",
        "Open a session of a browser",
        answer=wire.Session,
        example=examples.SESSION,
        headers={"Set-Cookie": "The session: HttpOnly, SameSite=Strict, and Secure on https."},
        errors=[TokenInvalid, TooManyFailures],
    ),
)
async def log_in(request: Request, body: Annotated[LogIn, Body(openapi_examples=examples.LOG_IN)]) -> Response:
    """For the dashboard: programs send their token with each request. It ends with its token, or after 30 days."""
    told, cookie = await opened(request, body.token)
    return answer(told, headers={"set-cookie": cookie})


@router.get(
    "/v1/session",
    **documented("get_session", "Who you are here", answer=wire.Session, example=examples.SESSION),
)
async def session(request: Request) -> Response:
    """By the token or the session that came with the request, or what the server takes you for without one."""
    actor = sender(request)
    expires_at = None if actor.token is None else keyring(request).holder(actor.token).expires_at
    return answer(
        wire.Session(name=actor.name, role=actor.role or "viewer", token_id=actor.token, expires_at=expires_at)
    )


@router.delete(
    "/v1/session",
    **documented("log_out", "End a session of a browser", status=204, says="It has ended."),
)
async def log_out(request: Request) -> Response:
    """The session of the cookie that came with the request. A token that came with it goes on holding."""
    return Response(status_code=204, headers={"set-cookie": await ended(request)})


@router.get(
    "/v1/audit",
    **documented(
        "list_audit",
        "Read who changed what",
        answer=wire_audit.AuditList,
        example=examples.AUDIT,
        codes={400: ["invalid_page_token"]},
    ),
)
async def audit(
    request: Request,
    actor: Annotated[str | None, Query(max_length=100, description="Only of this name, or this token's id.")] = None,
    object: Annotated[
        str | None,
        Query(
            max_length=400,
            description="Only of this object and what lies beneath it: its address without `/v1/`.",
            examples=["studies/digits-mlp"],
        ),
    ] = None,
    since: Annotated[
        datetime | None, Query(description="Only from this time on; UTC if it names no zone.", examples=["2026-01-31"])
    ] = None,
    page_size: PageSize = 100,
    page_token: PageToken = None,
) -> Response:
    """Newest first. What workers say all the time (asks, reports, ends of attempts) is not here but in the attempts."""
    scope = ("audit", actor, object, since)
    query = AuditQuery(
        actor=actor,
        object=None if object is None else normal(object).strip("/"),
        since=since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since,
        before_id=page_tokens.read(scope, page_token, int),
        size=page_size,
    )

    def page(tx: Transaction) -> Response:
        found = tx.audit.list(query)
        token = page_tokens.write(scope, found.items[-1].id) if found.more else None
        return answer(wire_audit.AuditList(entries=tuple(map(convert.entry, found.items)), next_page_token=token))

    return await served(request).store.read(page)


async def opened(request: Request, secret: str) -> tuple[wire.Session, str]:
    """Open a session with a token: what it is, and the cookie that stands for it."""
    services = served(request)
    token = await known(keyring(request), throttle(request), secret, address(request.scope))
    drawn = services.draw_bytes(SECRET_BYTES).hex()
    sign(request, object="session", actor=token.actor)
    session = await services.store.write(lambda tx: tokens.log_in(tx, token, drawn))
    await keyring(request).reload()
    seconds = int((session.expires_at - session.created_at).total_seconds())
    told = wire.Session(name=token.name, role=token.role, token_id=token.id, expires_at=session.expires_at)
    return told, _cookie(request, drawn, seconds)


async def ended(request: Request) -> str:
    """End the session that came with a request; answers the cookie that takes its cookie away."""
    hash = request.scope.get(SESSION)
    if hash is not None:
        sign(request, object="session")
        await served(request).store.write(lambda tx: tx.sessions.end(hash))
        await keyring(request).reload()
    return _cookie(request, "", 0)


def _cookie(request: Request, value: str, seconds: int) -> str:
    secure = "; Secure" if request.url.scheme == "https" else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
