"""`basin worker`: run trials on this machine. What it does is another package's, which is loaded when it is called."""

import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import typer

from service.cli.command import Command
from service.cli.errors import CommandError
from service.cli.session import Session

if TYPE_CHECKING:  # only for a dry run
    from service.wire.study import StudyDefinition

GROUP = "basin.commands"
_NAME = "worker"
_MISSING = "pip install 'basin[worker,trainers]' brings what a worker needs, and the trainers that come with it."


class _Handed(Command):
    """A command that reads what stands behind its name by itself, `--help` too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return []


def add_to(app: typer.Typer, panel: str) -> None:
    """Put the command into a group."""
    app.command(_NAME, cls=_Handed, short_help="Run trials on this machine, for a server.", rich_help_panel=panel)(_run)


def _run(ctx: typer.Context) -> int:
    """Run trials on this machine, for a server."""
    session = ctx.find_root().obj
    assert isinstance(session, Session)
    options = session.options
    found = _command()
    return int(found(ctx.args, server=options.server, token=options.token, output=options.output, study=_study) or 0)


def _command() -> Any:
    for entry in entry_points(group=GROUP, name=_NAME):
        try:
            return entry.load()
        except ModuleNotFoundError as error:
            raise CommandError(f"basin worker needs {error.name}, which is not installed", hint=_MISSING) from error
    raise CommandError("basin worker is not installed here", hint=_MISSING)


def _study(path: str) -> "StudyDefinition":
    from service.cli.definition import load

    return load(path, sys.stdin).definition()
