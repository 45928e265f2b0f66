"""`basin study warm-start`, and how any command tells what a warm start has taken."""

from typing import Annotated, Literal

import typer

from service.cli.command import command
from service.cli.completion import StudyArgument, study_names
from service.cli.errors import BadInput, Refused
from service.cli.screen import Screen
from service.cli.session import Session
from service.cli.wire_json import Json
from service.words import clean, plural


@command(
    "warm-start",
    "basin study warm-start second-run --from first-run --best 10",
    "basin study warm-start second-run --from first-run --from pilot --history",
)
def warm_start(
    session: Session,
    study: StudyArgument,
    sources: Annotated[
        list[str],
        typer.Option("--from", metavar="STUDY", help="A study to learn from.", autocompletion=study_names),
    ],
    best: Annotated[
        int | None, typer.Option("--best", min=1, metavar="N", help="Run its N best points again (10).")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", metavar="", help="Take its results as they are, and run nothing again.")
    ] = False,
    count: Annotated[
        int | None, typer.Option("--count", min=1, metavar="N", help="With --history: so many trials at most (1,000).")
    ] = None,
) -> None:
    """Begin with what other studies have found, or with what they have measured. Nothing is taken twice."""
    if history and best is not None:
        raise BadInput("--best and --history: only one of them can be meant", hint="basin study warm-start --help")
    if count is not None and not history:
        raise BadInput("--count: is only for --history; --best N says how many points are run again")
    use: Literal["best", "history"] = "history" if history else "best"
    body = {"from": sources, "use": use, "count": count if history else best}
    try:
        changed = session.client.warm_start(study, body)
    except Refused as refused:
        raise refused.explain("warm-start: ") from refused
    if not session.screen.data(changed):
        tell(session.screen, changed, again=use == "best")


def tell(screen: Screen, study: Json, *, again: bool) -> None:
    """Say what was taken of which study, and what was left out for which reason."""
    for source in (study.get("warm_start") or {}).get("sources", ()):
        done = "to be run again" if again else "taken with their results"
        screen.line(f"From '{clean(source['study'])}': {plural(source['taken'], 'trial')} {done}.")
        for reason, number in source.get("left_out", {}).items():
            screen.note(f"  left out {number:,}: {clean(reason)}")
