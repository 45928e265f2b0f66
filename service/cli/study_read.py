"""`basin study list` and `show`: which studies there are, and how one of them goes."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.screen import Cell, Column, Screen, state
from service.cli.session import Session
from service.cli.study_facts import DONE, facts, space
from service.words import ago, moment, number, scalar

_EMPTY = "No studies yet. Start one: basin study create study.yaml (basin study template prints one)"


class State(StrEnum):
    """The states of the wire, whose models take longer to load than a list to be shown."""

    ACTIVE = "active"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETED = "completed"


@command(
    "list",
    "basin study list",
    "basin study list --state active --tag vision",
    "basin study list --all --limit 1000 -o json",
)
def list_studies(
    session: Session,
    states: Annotated[
        list[State] | None,
        typer.Option("--state", metavar="STATE", help="Only those active, paused, stopping, stopped, completed."),
    ] = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Only those with this tag.")] = None,
    query: Annotated[
        str | None, typer.Option("--query", metavar="TEXT", help="Only those with this in name or note.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", metavar="", help="Archived ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> None:
    """List studies, newest first."""
    asked = {"state": states or None, "tag": tag, "q": query, "archived": "any" if everything else None}
    studies, more = session.client.studies(asked, limit)
    screen = session.screen
    if screen.data(studies):
        return
    if not studies:
        screen.note("No study is like that." if states or tag or query else _EMPTY)
        return
    now = session.world.now()
    columns = [
        Column("NAME", wraps=True),
        Column("STATE"),
        Column("DONE", right=True),
        Column("RUNNING", right=True),
        Column("BEST"),
        Column("CHANGED"),
    ]
    screen.table(columns, (_row(study, now) for study in studies))
    if more:
        screen.note(f"There are more than these {limit}: --limit shows more, --state, --tag and --query choose.")


def _row(study: Mapping[str, Any], now: datetime) -> list[str | Cell]:
    shown = state(study["state"])
    if study["archived"]:
        shown = Cell(f"{shown.text}, archived", shown.style)
    counts = study["trials"]
    done = sum(counts.get(name, 0) for name in DONE)
    most = study["definition"].get("budget", {}).get("max_trials")
    return [
        study["name"],
        shown,
        f"{done:,}/{most:,}" if most else f"{done:,}",
        f"{counts.get('running', 0):,}",
        _best(study),
        ago(moment(study["updated_at"]), now),
    ]


def _best(study: Mapping[str, Any]) -> str:
    best = study.get("best")
    if not best:
        return "none yet"
    metric = study["definition"]["objectives"][0]["metric"]
    return f"{metric} {number(best['values'].get(metric))}"


@command("show", "basin study show digits-mlp", "basin study show digits-mlp -o yaml")
def show(session: Session, study: StudyArgument) -> None:
    """Show how a study goes: its trials, its best values, and what is searched."""
    found = session.client.study(study)
    screen = session.screen
    if screen.data(found):
        return
    now = session.world.now()
    definition = found["definition"]
    screen.line(Cell(found["name"], "bold"), "  ", state(found["state"]), ", archived" if found["archived"] else "")
    if definition.get("note"):
        for line in definition["note"].splitlines():
            screen.line("  ", line)
    screen.line()
    screen.table([Column(""), Column("", wraps=True)], facts(found, now), header=False)
    if found.get("best"):
        screen.line()
        _show_best(screen, found)
    screen.line()
    screen.table(
        [Column("PARAMETER"), Column("TYPE"), Column("VALUES", wraps=True), Column("WHEN", wraps=True)],
        space(definition),
    )
    if found["trials"].get("completed"):
        _show_advice(screen, session.client.advice(study)["hints"])
    screen.note(f"\nbasin trial list {shlex.quote(found['name'])} shows its trials.")


def _show_advice(screen: Screen, hints: Sequence[Mapping[str, Any]]) -> None:
    if hints:
        screen.line()
        screen.table([Column("ADVICE"), Column("", wraps=True)], [(hint["topic"], hint["text"]) for hint in hints])


def _measured(best: Mapping[str, Any]) -> str:
    """Where the best value comes from, if this study did not measure it."""
    source = best.get("came_from")
    if best.get("origin") != "added":
        return ""
    return f" (measured by '{source['study']}' as trial {source['number']})" if source else " (measured elsewhere)"


def _show_best(screen: Screen, study: Mapping[str, Any]) -> None:
    best = study["best"]
    values = ", ".join(f"{metric} {number(value)}" for metric, value in best["values"].items())
    screen.line(Cell(f"best: {values}", "bold"), f" in trial {best['number']}{_measured(best)}")
    rows = [(f"  {name}", scalar(value)) for name, value in best["params"].items()]
    screen.table([Column(""), Column("", wraps=True)], rows, header=False)
