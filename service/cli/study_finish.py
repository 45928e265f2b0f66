"""`basin study finish`: the honest end of a study, begun, watched, and told."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.errors import BadInput, CommandError, Refused
from service.cli.screen import Cell, Column, Screen, state
from service.cli.session import Session
from service.words import clean, duration, number, plural, size

_EVERY_SECONDS = 1.0
_DIGITS = 4
OPEN = frozenset({"confirming", "refitting"})


@command(
    "finish",
    "basin study finish digits-mlp --wait",
    "basin study finish digits-mlp --top 10 --seeds 8",
    "basin study finish digits-mlp --beside 0",
    "basin study finish digits-mlp -o json",
    "basin study finish digits-mlp --again 'the labels of the test split were corrected'",
)
def finish(
    session: Session,
    study: StudyArgument,
    top: Annotated[
        int | None, typer.Option(min=1, max=50, metavar="K", help="So many of the best trials are run again (5).")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=2, max=50, metavar="N", help="On so many fresh seeds (5).")] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="METRIC", help="The objective to go by, where there are several.")
    ] = None,
    beside: Annotated[
        int | None,
        typer.Option(min=0, metavar="TRIAL", help="Run this trial with them, whatever its place, to compare with."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", metavar="", help="Wait until it has ended, or Ctrl-C.")] = False,
    again: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Begin anew, and say why the test split may be looked at once more."),
    ] = None,
    cancel: Annotated[bool, typer.Option("--cancel", metavar="", help="Call it off.")] = False,
) -> None:
    """Finish a study: confirm the best trials on fresh seeds, train the winner on everything, and test it once.

    Asked again, it shows how far that is, and at the end the report. Nothing is run twice.
    """
    body = {"top": top, "seeds": seeds, "metric": metric, "beside": beside, "again": again}
    wanted = {name: value for name, value in body.items() if value is not None}
    if cancel and (wanted or wait):
        raise BadInput("--cancel: goes with no other option")
    found = session.client.cancel_finish(study) if cancel else _begun(session, study, wanted)
    while wait and found["state"] in OPEN:
        session.screen.progress(f"{found['state']}: {found['done']} of {plural(found['of'], 'run')} ...")
        session.world.sleep(_EVERY_SECONDS)
        found = session.client.finish(study)
    session.screen.progress("")
    if not session.screen.data(found):
        show(session.screen, found)
    if found["state"] == "failed":
        raise CommandError(f"the finish of study '{clean(study)}' failed: {clean(found['reason'] or '')}")


def _begun(session: Session, study: str, wanted: dict[str, Any]) -> Any:
    """What there is; it is begun where there is nothing yet, or where a reason is given to do it again."""
    client = session.client
    if "again" not in wanted:
        try:
            found = client.finish(study)
        except Refused as refused:
            if refused.code != "finish_not_found":
                raise
        else:
            if wanted:
                options = ", ".join(f"--{name}" for name in wanted)
                session.screen.warn(f"{options}: too late, it was begun before; --again REASON begins anew")
            return found
    return client.begin_finish(study, wanted)


def show(screen: Screen, found: Mapping[str, Any]) -> None:
    """Show the report of a finish."""
    round_ = f", round {found['round']}" if found["round"] > 1 else ""
    screen.line(Cell(found["study"], "bold"), "  ", state(found["state"]), round_)
    screen.line()
    screen.table([Column(""), Column("", wraps=True)], list(_facts(found)), header=False)
    screen.line()
    columns = [
        Column("TRIAL", right=True),
        Column("SEARCHED", right=True),
        Column("FRESH SEEDS", right=True),
        Column("BEHIND THE BEST", right=True),
        Column("TIES"),
        Column("A RUN", right=True),
        Column("RUNS", right=True),
    ]
    screen.table(columns, [_row(one, found) for one in found["candidates"]])
    screen.note(_hint(found))


def _facts(found: Mapping[str, Any]) -> Iterator[tuple[Cell, str]]:
    if found["reason"]:
        yield Cell("because", "dim"), found["reason"]
    yield Cell("runs", "dim"), f"{found['done']} of {found['of']}, on {plural(len(found['seeds']), 'fresh seed')}"
    search = found["search"]
    completed = plural(search["completed"], "completed trial")
    yield Cell("search", "dim"), f"{search['state']} with {completed}; {found['direction']} {found['metric']}"
    if found["winner"] is not None:
        yield Cell("winner", "dim"), f"trial {found['winner']}. {found['why']}"
    if refit := found["refit"]:
        steps = "" if refit["steps"] is None else f" for {plural(refit['steps'], 'step')}"
        yield Cell("refit", "dim"), f"trial {refit['trial']}, on everything{steps}: {refit['state']}"
    for one in found["tests"]:
        figures = ", ".join(f"{name} {number(value)}" for name, value in one["metrics"].items())
        again = f" (again: {one['again']})" if one["again"] else ""
        yield Cell("test", "dim"), f"{figures}{again}"
    if model := found["artifact"]:
        yield Cell("model", "dim"), f"{size(model['size'])}, sha256 {model['sha256'][:12]}"


def _row(one: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str | Cell, ...]:
    ended = sum(run["state"] not in {"queued", "running", "paused"} for run in one["runs"])
    failed = f", {one['failed']} failed" if one["failed"] else ""
    won = one["trial"] == found["winner"]
    return (
        Cell(str(one["trial"]), "bold" if won else ""),
        number(one["searched"], _DIGITS),
        _interval(one["value"]),
        "best" if one["best"] else _interval(one["behind"]),
        "winner" if won else "yes" if one["tied"] else "",
        duration(float(one["seconds"])) if one["seconds"] is not None else "",
        f"{ended}/{len(one['runs'])}{failed}",
    )


def _interval(of: Mapping[str, Any] | None) -> str:
    if of is None:
        return ""
    return f"{number(of['mean'], _DIGITS)} [{number(of['low'], _DIGITS)}, {number(of['high'], _DIGITS)}]"


def _hint(found: Mapping[str, Any]) -> str:
    name = shlex.quote(found["study"])
    if found["state"] in OPEN:
        return f"\nWorkers run it: basin study finish {name} --wait"
    if found["artifact"] and found["artifact"]["stored"]:
        return f"\nBrackets: Student's interval at 95 %. The model and its card: basin study artifact {name} -o DIR"
    return "\nBrackets: Student's interval at 95 %."
