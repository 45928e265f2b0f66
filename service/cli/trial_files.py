"""`basin trial logs` and `checkpoints`: what the attempts at a trial wrote, and what they saved."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.errors import CommandError, NotThere, Unreachable
from service.cli.files import whole
from service.cli.screen import Column
from service.cli.session import Session
from service.cli.trial_read import NumberArgument
from service.words import ago, clean, moment, number, size

_FOLLOW_SECONDS = 1.0
_GOING_ON = frozenset({"queued", "running", "paused"})


@command(
    "logs",
    "basin trial logs digits-mlp 12",
    "basin trial logs digits-mlp 12 --attempt 1 | tail",
    "basin trial logs digits-mlp 12 --follow",
    output=False,
)
def logs(
    session: Session,
    study: StudyArgument,
    trial: NumberArgument,
    attempt: Annotated[
        int | None, typer.Option(metavar="K", min=1, help="Of this attempt; the newest if not given.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", metavar="", help="Go on until the attempt has ended, or Ctrl-C.")
    ] = False,
) -> None:
    """Show what an attempt at a trial wrote. Where a log had become too long, a line says what was left out."""
    offset, seen = 0, False
    while True:
        # Asked before the log is read: what an attempt wrote before it ended is then read, too.
        going_on = follow and session.client.trial(study, trial)["state"] in _GOING_ON
        while True:
            data, after, attempt = session.client.log(study, trial, attempt, offset)
            if after == offset:
                break
            offset, seen = after, True
            _write(session, data)
        if not going_on:
            break
        session.world.sleep(_FOLLOW_SECONDS)
    if not seen:
        session.screen.note("Nothing was written.")


def _write(session: Session, data: bytes) -> None:
    if session.screen.terminal:
        # What a trainer wrote may hold signs that would steer the terminal.
        sys.stdout.write(clean(data.decode("utf-8", "replace"), lines=True))
        sys.stdout.flush()
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@command(
    "checkpoints",
    "basin trial checkpoints digits-mlp 12",
    "basin trial checkpoints digits-mlp 12 --download newest.ckpt",
    "basin trial checkpoints digits-mlp 12 --step 20 --download 20.ckpt",
)
def checkpoints(
    session: Session,
    study: StudyArgument,
    trial: NumberArgument,
    download: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the bytes of one there: the newest, or that of --step.")
    ] = None,
    step: Annotated[int | None, typer.Option(metavar="STEP", min=0, help="Only those of this step.")] = None,
) -> None:
    """List the checkpoints of a trial, newest first, or download one of them."""
    found = [one for one in session.client.checkpoints(study, trial) if step in (None, one["step"])]
    if download is not None:
        _download(session, study, trial, found, download)
        return
    screen = session.screen
    if screen.data(found):
        return
    if not found:
        screen.note("There is no checkpoint.")
        return
    now = session.world.now()
    titles = (Column("ATTEMPT", right=True), Column("STEP", right=True), Column("SIZE", right=True), Column("SAVED"))
    rows = (
        (
            str(one["attempt"]),
            number(one["step"]),
            size(one["size"]),
            ago(moment(one["committed_at"]), now),
            _where(one),
        )
        for one in found
    )
    screen.table((*titles, Column("WHERE", wraps=True)), rows)


def _where(checkpoint: Mapping[str, Any]) -> str:
    return "on the server" if checkpoint.get("stored") else str(checkpoint["uri"])


def _download(session: Session, study: str, trial: int, found: Sequence[Mapping[str, Any]], file: Path) -> None:
    import httpx2

    stored = [one for one in found if one.get("stored")]
    if not stored:
        elsewhere = f"it is kept at {found[0]['uri']}" if found else "there is no checkpoint"
        raise NotThere(f"the server has no bytes to give: {clean(elsewhere)}")
    one = stored[0]
    digest, written = hashlib.sha256(), 0
    with whole(file) as target, session.client.checkpoint(study, trial, one["attempt"], one["step"]) as response:
        try:
            for chunk in response.iter_bytes():
                target.write(chunk)
                digest.update(chunk)
                written += len(chunk)
                session.screen.progress(f"{size(written)} of {size(one['size'])} ...")
        except httpx2.TransportError as error:
            session.screen.progress("")
            raise Unreachable(f"the connection was lost after {size(written)}", hint="Run it again.") from error
        if digest.hexdigest() != one["sha256"]:
            raise CommandError("the bytes that arrived are not those that were saved: run it again")
    session.screen.progress("")
    session.screen.note(f"Wrote {size(written)} of step {one['step']} to {clean(str(file))}.")
