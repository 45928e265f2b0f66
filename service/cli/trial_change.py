"""`basin trial cancel` and `retry`: trials that are not to go on, and those that are to be tried once more."""

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


@command("retry", "basin trial retry digits-mlp 12", "basin trial retry digits-mlp 12 13 14")
def retry(session: Session, study: StudyArgument, trials: NumbersArgument) -> None:
    """Try trials once more that failed, turned out infeasible or were cancelled: all of them, or none.

    Each goes on under its number, from its newest checkpoint if it left one. A study that was completed because all its
    trials had ended is active again.
    """
    found = session.client.retry_trials(study, trials)
    if not session.screen.data(found):
        for one in found:
            session.screen.note(f"Trial {one['number']} is {one['state']}.")
