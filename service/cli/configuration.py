"""`basin config`, `version` and `completion`: what this command would do, and how it fits in here."""

import platform
from typing import Annotated

import typer

from service.cli.command import command
from service.cli.completion import Shell, script
from service.cli.errors import Unreachable
from service.cli.screen import Cell, Column
from service.cli.serve import load
from service.cli.session import Session, own_version


@command("config", "basin config", "BASIN_PORT=9000 basin config -o json", server=False)
def config(session: Session) -> None:
    """Show every setting of a server started here: its value, and where that comes from. Passwords are hidden."""
    sources = load(session, {}).sources
    shown = [{"name": one.name, "value": _plain(one.value), "source": one.source} for one in sources]
    if session.screen.data(shown):
        return
    session.screen.table(
        [Column("SETTING"), Column("VALUE", wraps=True), Column("SOURCE")],
        (
            (
                str(one["name"]),
                _written(one["value"]),
                Cell(str(one["source"]), "dim" if one["source"] == "default" else ""),
            )
            for one in shown
        ),
    )


def _plain(value: object) -> object:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _written(value: object) -> str:
    if value is None or value == []:
        return "auto" if value is None else "none"
    return (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


@command("version", "basin version", "basin version -o json")
def version(session: Session) -> None:
    """Show the versions of this command and of the server."""
    from service.wire.server import PROTOCOL

    here = {"version": own_version(), "protocol": PROTOCOL, "python": platform.python_version()}
    try:
        there = session.connect().version().body
    except Unreachable as error:
        there = None
        session.screen.note("\n".join(error.lines))
    if session.screen.data({"command": here, "server": there}):
        return
    session.screen.line(f"command  {here['version']}, protocol {PROTOCOL}, Python {here['python']}")
    if there is not None:
        session.screen.line(
            f"server   {there['version']}, protocol {there['protocol']}, {there['database']} "
            f"at schema {there['schema_revision']}"
        )


@command(
    "completion",
    "basin completion bash > ~/.local/share/bash-completion/completions/basin",
    "basin completion zsh > ~/.zfunc/_basin",
    "basin completion fish > ~/.config/fish/completions/basin.fish",
    server=False,
    output=False,
)
def completion(session: Session, shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print the script that completes in a shell. It knows commands, options, and the names of studies."""
    session.screen.raw(script(shell))
