"""`basin worker` and `basin trainer`: what they do is other packages', which are loaded when they are called."""

import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import typer

from service.cli.command import Command, Made, single
from service.cli.errors import CommandError
from service.cli.session import Session

if TYPE_CHECKING:  # only for a dry run
    from service.wire.study import StudyDefinition

GROUP = "basin.commands"
_MISSING = "pip install 'basin[worker,trainers]' brings what a worker needs, and the trainers that come with it."


class _Handed(Command):
    """A command that reads what stands behind its name by itself, `--help` too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return []


@dataclass(frozen=True)
class Handed:
    """A command of another package, by its name."""

    name: str
    summary: str

    def made(self, panel: str | None) -> Made:
        """The command for typer, in a panel of its group's help."""

        def run(ctx: typer.Context) -> int:
            return self._run(ctx)

        return single(run, self.name, cls=_Handed, short_help=self.summary, rich_help_panel=panel)

    def _run(self, ctx: typer.Context) -> int:
        session = ctx.find_root().obj
        assert isinstance(session, Session)
        options = session.options
        found = _command(self.name)
        given = {"server": options.server, "token": options.token, "output": options.output}
        return int(found(ctx.args, study=_study, **given) or 0)


WORKER = Handed("worker", "Run trials on this machine, for a server.")
TRAINER = Handed("trainer", "Look at trainers and techniques; train without a server.")


def _command(name: str) -> Any:
    for entry in entry_points(group=GROUP, name=name):
        try:
            return entry.load()
        except ModuleNotFoundError as error:
            raise CommandError(f"basin {name} needs {error.name}, which is not installed", hint=_MISSING) from error
    raise CommandError(f"basin {name} is not installed here", hint=_MISSING)


def _study(path: str) -> "StudyDefinition":
    from service.cli.definition import load

    return load(path, sys.stdin).definition()
