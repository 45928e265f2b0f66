"""`basin study search`: how a study is searched."""

from typing import Any

from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.screen import Column
from service.cli.session import Session
from service.words import number


@command("search", "basin study search digits-mlp")
def search(session: Session, study: StudyArgument) -> None:
    """Show how a study is searched: who chooses the points, who decides what goes on, and what its rungs are worth."""
    found = session.client.search(study)
    screen = session.screen
    if screen.data(found):
        return
    screen.line(found["sampler"])
    screen.line()
    screen.line(found["scheduler"])
    if not found["rungs"]:
        return
    screen.line()
    columns = [
        Column("RUNG", right=True),
        Column("CAME", right=True),
        Column("PAUSE", right=True),
        Column("CONTROLS", right=True),
        Column("AGREES", right=True),
        Column("DECIDES"),
    ]
    screen.table(columns, [_row(rung) for rung in found["rungs"]])
    screen.note(_said(found))


def _row(rung: Any) -> tuple[str, ...]:
    return (
        str(rung["rung"]),
        str(rung["trials"]),
        str(rung["paused"]),
        str(rung["controls"]) if rung["controls"] else "",
        number(rung["correlation"], 2) if rung["correlation"] is not None else "",
        "yes" if rung["decides"] else "no more",
    )


def _said(found: Any) -> str:
    if any(rung["correlation"] is not None for rung in found["rungs"]):
        return "AGREES: how the controls' order at the rung agrees with that at the end, from -1 to 1."
    return f"{found['controls']} controls train to the end; from 6 finished ones on they tell what the rungs are worth."
