"""`basin trial cancel`: trials that are not to run, or not to go on."""

from typing import Annotated

import typer

from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.errors import CommandError, Refused
from service.cli.session import Session

NumbersArgument = Annotated[list[int], typer.Argument(metavar="N...", min=0, help="The trials' numbers.")]


@command("cancel", "basin trial cancel digits-mlp 12", "basin trial cancel digits-mlp 12 13 14")
def cancel(session: Session, study: StudyArgument, trials: NumbersArgument) -> None:
    """Cancel trials that are queued, running or paused. A running one is told with its next report."""
    cancelled = []
    failures: list[CommandError] = []
    for number in trials:
        try:
            cancelled.append(session.client.cancel_trial(study, number))
        except Refused as refused:
            failures.append(refused.explain(f"trial {number}: "))
            if refused.code == "study_not_found":
                break
            continue
        if session.screen.output == "table":
            session.screen.note(f"Cancelled trial {number}.")
    session.screen.data(cancelled)
    if failures:
        first = failures[0]
        raise type(first)(*(line for one in failures for line in one.lines), hint=first.hint, detail=first.detail)
