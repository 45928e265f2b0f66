"""`basin study pause`, `resume`, `stop`, `archive`, `unarchive`, `delete`: what becomes of a study."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from service.cli.command import command
from service.cli.completion import StudiesArgument, StudyArgument
from service.cli.errors import BadInput
from service.cli.session import Session
from service.cli.wire_json import Json
from service.words import clean, plural


@command("pause", "basin study pause digits-mlp")
def pause(session: Session, studies: StudiesArgument) -> None:
    """Hand out no more trials; those that run go on. `resume` takes it back."""
    _move(session, studies, "pause")


@command("resume", "basin study resume digits-mlp")
def resume(session: Session, studies: StudiesArgument) -> None:
    """Hand out trials again: after a pause, a stop or the end of the budget."""
    _move(session, studies, "resume")


@command(
    "stop",
    "basin study stop digits-mlp",
    "basin study stop digits-mlp --cancel-running",
    "basin study stop digits-mlp --kill-running",
)
def stop(
    session: Session,
    studies: StudiesArgument,
    cancel_running: Annotated[
        bool, typer.Option("--cancel-running", metavar="", help="Do not let the running trials finish.")
    ] = False,
    kill_running: Annotated[
        bool, typer.Option("--kill-running", metavar="", help="Not even until their next report: end them now.")
    ] = False,
) -> None:
    """Hand out no more trials, and end once the running ones have finished."""
    _move(session, studies, "stop", {"running": "kill" if kill_running else "cancel" if cancel_running else "finish"})


@command("archive", "basin study archive digits-mlp")
def archive(session: Session, studies: StudiesArgument) -> None:
    """Put a study aside: it is kept, and listed only with `study list --all`."""
    _move(session, studies, "archive")


@command("unarchive", "basin study unarchive digits-mlp")
def unarchive(session: Session, studies: StudiesArgument) -> None:
    """List an archived study again."""
    _move(session, studies, "unarchive")


@command("delete", "basin study delete digits-mlp", "basin study delete digits-mlp --force --yes", output=False)
def delete(
    session: Session,
    study: StudyArgument,
    force: Annotated[bool, typer.Option("--force", metavar="", help="Even while trials are running.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask.")] = False,
) -> None:
    """Delete a study with its trials and curves. This cannot be undone."""
    if not yes:
        _confirm(session, study)
    session.client.delete_study(study, force=force)
    session.screen.note(f"Deleted study '{clean(study)}'.")


def _move(session: Session, studies: Sequence[str], verb: str, body: Json | None = None) -> None:
    moved = []
    for name in studies:
        study = session.client.move_study(name, verb, body)
        moved.append(study)
        if session.screen.output == "table":
            session.screen.note(_now(study))
    session.screen.data(moved if len(studies) > 1 else moved[0])


def _now(study: Json) -> str:
    running = study["trials"].get("running", 0)
    going_on = f"; {plural(running, 'trial')} still running" if running else ""
    archived = ", archived" if study["archived"] else ""
    return f"Study '{clean(study['name'])}' is {study['state']}{archived}{going_on}."


def _confirm(session: Session, name: str) -> None:
    study = session.client.study(name)
    if not sys.stdin.isatty():
        raise BadInput(
            f"study '{clean(name)}' is not deleted: there is no terminal to ask at",
            hint="Add --yes if you are sure.",
        )
    trials = sum(study["trials"].values())
    sys.stderr.write(f"This deletes study '{clean(name)}' with {plural(trials, 'trial')} for good.\n")
    sys.stderr.write("Type its name to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name:
        raise BadInput("that is not its name; nothing was deleted")
