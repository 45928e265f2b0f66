"""`basin study importances`: which parameters matter."""

from typing import Annotated, Any, Literal

import typer

from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.screen import Cell, Column
from service.cli.session import Session
from service.cli.waiting import wait_for
from service.words import number, plural, real

_BAR = 30


@command(
    "importances",
    "basin study importances digits-mlp",
    "basin study importances digits-mlp --method fanova --metric val_loss",
)
def importances(
    session: Session,
    study: StudyArgument,
    method: Annotated[
        Literal["ped_anova", "fanova"],
        typer.Option(metavar="METHOD", help="ped_anova: what sets the best apart; fanova: what explains the values."),
    ] = "ped_anova",
    metric: Annotated[
        str | None, typer.Option(metavar="METRIC", help="One objective; of several, ped_anova takes all.")
    ] = None,
    wait: Annotated[int, typer.Option(min=0, metavar="SECONDS", help="How long to wait for the result.")] = 60,
) -> None:
    """Show which parameters matter, as shares of all that there is to gain."""
    client = session.client
    found = wait_for(session, lambda seconds: client.importances(study, method, metric, seconds), wait)
    screen = session.screen
    if screen.data(found):
        return
    if not found["importances"]:
        screen.note(
            f"Not known: {found['reason']}."
            if found["reason"]
            else "It is still being computed: ask again in a moment."
        )
        return
    about = found["metric"] or "all objectives"
    screen.line(
        Cell(f"{found['method']} for {about}", "bold"), f", from {plural(found['trials'], 'trial')}, {_age(found)}"
    )
    screen.line()
    rows = [(one["name"], number(one["share"], 3), _bar(real(one["share"]) or 0.0)) for one in found["importances"]]
    screen.table([Column("PARAMETER"), Column("SHARE", right=True), Column("")], rows)
    if found["reason"]:
        screen.note(f"All shares are 0: {found['reason']}.")


def _bar(share: float) -> str:
    return "█" * round(share * _BAR)


def _age(found: Any) -> str:
    return "as it is now" if found["state"] == "ready" else f"as of seq {found['seq']}, and a newer one is on its way"
