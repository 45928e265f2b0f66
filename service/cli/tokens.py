"""`basin token create`, `list`, `revoke`: who may use a server. Over its API, or in the database of this machine."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer

from service.cli.command import command
from service.cli.errors import BadInput
from service.cli.screen import Column, state
from service.cli.serve import load, parts
from service.cli.session import Session
from service.cli.wire_json import Json
from service.words import ago, clean, moment

Role = Literal["viewer", "editor", "admin", "worker"]
LocalOption = Annotated[
    bool,
    typer.Option("--local", metavar="", help="In the database of this machine's settings: needs no server, no token."),
]


@command(
    "create",
    "basin token create --role admin --name anna",
    "basin token create --role worker --name gpu-cluster --expires 90d > worker.token",
)
def create(
    session: Session,
    role: Annotated[Role, typer.Option("--role", metavar="ROLE", help="viewer, editor, admin or worker.")],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="Who or what it is for.")],
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="TIME", help="How long it holds, such as 90d.")
    ] = None,
    local: LocalOption = False,
) -> None:
    """Make a token, and show it this once. Where no token and no server is given, it is made as with --local."""
    body = {"role": role, "name": name, **({"expires_in": expires} if expires else {})}
    straight = local or not (session.token or session.chosen_server)
    made = _create_here(session, body) if straight else session.client.create_token(body)
    if session.screen.data(made):
        return
    session.screen.raw(made["token"])
    until = f", until {made['expires_at']}" if made["expires_at"] else ""
    session.screen.note(f"This is the token of '{clean(made['name'])}' ({made['role']}{until}), shown this once.")
    session.screen.note(
        "Use it as BASIN_TOKEN, with --token-file, or in `basin login URL`;\n"
        f"in HTTP as 'Authorization: Bearer TOKEN'. To revoke it: basin token revoke {made['id']}"
    )


@command("list", "basin token list", "basin token list --all --local")
def list_tokens(
    session: Session,
    all_: Annotated[bool, typer.Option("--all", metavar="", help="Also those that hold no longer.")] = False,
    local: LocalOption = False,
) -> None:
    """Show who has tokens, and when they were used last. The secrets are not kept anywhere."""
    found: Sequence[Json] = _list_here(session) if local else session.client.tokens()
    shown = [token for token in found if all_ or token["state"] == "live"]
    if session.screen.data(shown):
        return
    now = session.world.now()
    columns = [Column(title) for title in ("ID", "NAME", "ROLE", "STATE", "EXPIRES", "USED")]
    session.screen.table(columns, (_row(token, now) for token in shown))


@command("revoke", "basin token revoke 3f9c1e0a77b2", "basin token revoke 3f9c1e0a77b2 --local", output=False)
def revoke(
    session: Session,
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Its id: basin_ID_..., or as `token list` shows it.")],
    local: LocalOption = False,
) -> None:
    """Let a token hold no longer: at once at the server that is asked, within five seconds at its replicas."""
    # Whoever finds a token that leaked has all of it at hand.
    short = token_id.split("_")[1] if token_id.startswith("basin_") else token_id
    if local:
        settings = load(session, {}).settings
        with parts():
            from service import bootstrap

            bootstrap.revoke_token(settings, short)
    else:
        session.client.revoke_token(short)
    session.screen.note(f"Token {clean(short)} holds no longer.")


def _row(token: Json, now: Any) -> tuple[Any, ...]:
    expires = moment(token["expires_at"])
    used = ago(moment(token["last_used_at"]), now) if token["last_used_at"] else "never"
    until = expires.date().isoformat() if expires else "never"
    return (clean(token["id"]), clean(token["name"]), token["role"], state(token["state"]), until, used)


def _create_here(session: Session, body: Json) -> Json:
    from pydantic import ValidationError

    from service.config import hide_password
    from service.wire.problem import field_errors
    from service.wire.token import NewToken

    try:
        new = NewToken.model_validate(body)
    except ValidationError as error:
        raise BadInput(*(str(one) for one in field_errors(error, body))) from error
    settings = load(session, {}).settings
    with parts():
        from service import bootstrap

        made = bootstrap.create_token(settings, new)
    session.screen.note(f"Made in {clean(hide_password(settings.database_url))}.")
    return dict(made.model_dump(mode="json"))


def _list_here(session: Session) -> list[Json]:
    settings = load(session, {}).settings
    with parts():
        from service import bootstrap

        return [token.model_dump(mode="json") for token in bootstrap.list_tokens(settings)]
