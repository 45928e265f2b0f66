"""`basin trial reproduce`: a trial run again as it was, and how alike the two curves are."""

import secrets
import shlex
from typing import Annotated

import typer

from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.errors import CommandError
from service.cli.session import Session
from service.cli.trial_read import NumberArgument
from service.cli.wire_json import Json

_EVERY_SECONDS = 1.0


@command(
    "reproduce",
    "basin trial reproduce digits-mlp 12 --wait",
    "basin trial reproduce digits-mlp 12 --list",
)
def reproduce(
    session: Session,
    study: StudyArgument,
    trial: NumberArgument,
    wait: Annotated[bool, typer.Option("--wait", metavar="", help="Wait until it has ended, or Ctrl-C.")] = False,
    list_: Annotated[bool, typer.Option("--list", metavar="", help="Run nothing; show the runs so far.")] = False,
) -> None:
    """Run a trial again with its parameters and its seed, and compare the curves. It is no part of the search.

    They may be apart by what other seeds do, where the trial was confirmed, or else by rounding. If they are further
    apart, the command fails.
    """
    screen = session.screen
    if list_:
        found = session.client.reproductions(study, trial)
        if not screen.data(found):
            _show(session, found)
        return
    run = session.client.reproduce(study, trial, secrets.token_hex(8))["number"]
    while True:
        one = next(each for each in session.client.reproductions(study, trial) if each["trial"] == run)
        if one["likeness"] != "waiting" or not wait:
            break
        screen.progress(f"trial {run}: {one['state']} ...")
        session.world.sleep(_EVERY_SECONDS)
    screen.progress("")
    if not screen.data(one):
        _show(session, [one])
    if one["likeness"] == "waiting":
        screen.note(f"A worker runs it. How alike they are: basin trial reproduce {shlex.quote(study)} {trial} --list")
    if one["likeness"] in {"different", "incomparable"}:
        raise CommandError(f"trial {trial} was not reproduced by trial {run}")


def _show(session: Session, found: list[Json]) -> None:
    if not found:
        session.screen.note("It was not reproduced yet.")
    for one in found:
        session.screen.line(f"trial {one['trial']} ({one['state']}): {one['said']}")
