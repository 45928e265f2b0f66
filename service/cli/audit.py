"""`basin audit`: who changed what."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from service.cli.command import command
from service.cli.errors import BadInput
from service.cli.screen import Column
from service.cli.session import Session
from service.cli.wire_json import Json
from service.words import clean, moment, scalar


@command(
    "audit", "basin audit --since 7d", "basin audit --object studies/digits-mlp", "basin audit --actor anna -o json"
)
def audit(
    session: Session,
    actor: Annotated[str | None, typer.Option("--actor", metavar="NAME", help="Only of this name or token id.")] = None,
    object_: Annotated[
        str | None, typer.Option("--object", metavar="OBJECT", help="Only of this object and what lies beneath it.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="A time, or how long ago: 2026-01-31, 7d.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 50,
) -> None:
    """Show who changed what, newest first. Needs an admin's token where the server needs tokens."""
    query = {"actor": actor, "object": object_, "since": _since(since, session.world.now())}
    entries, more = session.client.audit(query, limit)
    if session.screen.data(entries):
        return
    columns = [Column("TIME"), Column("WHO"), Column("DID"), Column("WHAT"), Column("DETAIL", wraps=True)]
    session.screen.table(columns, map(_row, entries))
    if more:
        session.screen.note(f"There are more than these {limit}: --limit shows more, --since fewer.")


def _row(entry: Json) -> tuple[str, ...]:
    at = moment(entry["at"])
    role = f" ({entry['role']})" if entry["token_id"] else ""
    detail = ", ".join(f"{name} {_shown(value)}" for name, value in entry["detail"].items() if value is not None)
    return (
        f"{at:%Y-%m-%d %H:%M:%S}" if at else "",
        clean(f"{entry['actor']}{role}"),
        clean(entry["operation"]),
        clean(entry["object"]),
        clean(detail),
    )


def _shown(value: Any) -> str:
    return ", ".join(map(_shown, value)) if isinstance(value, list) else scalar(value)


def _since(given: str | None, now: datetime) -> str | None:
    if given is None:
        return None
    # Loaded here: help shows this command, too, and would wait for them.
    from pydantic import TypeAdapter, ValidationError

    from service.wire.message import Seconds

    try:
        return (now - timedelta(seconds=TypeAdapter(Seconds).validate_python(given))).isoformat()
    except ValidationError:
        pass
    try:
        return datetime.fromisoformat(given).isoformat()
    except ValueError:
        raise BadInput(
            f"--since {clean(given)}: must be a time such as 2026-01-31, or how long ago, such as 7d"
        ) from None
