"""`basin trial list` and `show`: the trials of a study, and one of them with its attempts and its curve."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import typer

from service.cli import trial_health
from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.screen import Cell, Column, state
from service.cli.session import Session
from service.domain.health import plain
from service.words import ago, duration, moment, number, plural, real, scalar, sparkline

NumberArgument = Annotated[int, typer.Argument(metavar="N", min=0, help="The trial's number.")]
Order = Literal["number", "-number", "value", "-value", "started_at", "-started_at", "finished_at", "-finished_at"]
_CURVE = 100_000
_MISSING = "-"
_DIGITS = 4
Filled = tuple[Column, list[str | Cell]]
"""A column with its cells."""


class State(StrEnum):
    """The states of the wire, whose models take longer to load than a list to be shown."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    PRUNED = "pruned"
    FAILED = "failed"
    INFEASIBLE = "infeasible"
    CANCELLED = "cancelled"


class Purpose(StrEnum):
    """What trials are run for."""

    SEARCH = "search"
    CONFIRM = "confirm"
    REFIT = "refit"
    REPRODUCE = "reproduce"


@command(
    "list",
    "basin trial list digits-mlp --order-by value --limit 10",
    "basin trial list digits-mlp --state completed --where 'learning_rate<0.01' --where optimizer=adamw",
)
def list_trials(
    session: Session,
    study: StudyArgument,
    states: Annotated[
        list[State] | None,
        typer.Option("--state", metavar="STATE", help="Only those queued, running, completed, pruned, failed, ..."),
    ] = None,
    purposes: Annotated[
        list[Purpose] | None,
        typer.Option(
            "--purpose",
            metavar="PURPOSE",
            help="Other runs of trials: confirm, refit or reproduce; search if not given.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="TEST", help="Only those where it holds: value<0.1, optimizer=adamw."),
    ] = None,
    order: Annotated[
        Order,
        typer.Option(
            "--order-by", metavar="KEY", help="number, value, started_at or finished_at; -KEY turns it round."
        ),
    ] = "number",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> None:
    """List the trials of a study."""
    query = {"state": states or None, "purpose": purposes or None, "where": where or None, "order_by": order}
    trials, more = session.client.trials(study, query, limit)
    screen = session.screen
    if screen.data(trials):
        return
    if not trials:
        name = shlex.quote(study)
        screen.note(
            "No trial is like that."
            if states or purposes or where
            else f"No trials yet. Enqueue one: basin trial enqueue {name} -p name=value (basin study show {name})"
        )
        return
    table = _Table(trials, session.world.now())
    columns, left_out = table.columns(screen.width if screen.terminal else None)
    screen.table([column for column, _ in columns], zip(*(cells for _, cells in columns), strict=True))
    if left_out:
        screen.note(f"({plural(left_out, 'more column')}: widen the terminal, or -o yaml)")
    if more:
        screen.note(f"There are more than these {limit}: --limit shows more, --state and --where choose.")


class _Table:
    """The columns of trials, and which of them fit."""

    def __init__(self, trials: Sequence[Mapping[str, Any]], now: datetime) -> None:
        self.trials = trials
        self.now = now

    def columns(self, width: int | None) -> tuple[list[Filled], int]:
        """What fits the width, the parameters last; and how many do not."""
        metrics = list(dict.fromkeys(name for trial in self.trials for name in trial.get("values") or ()))
        params = list(dict.fromkeys(name for trial in self.trials for name in trial["params"]))
        shown: list[Filled] = [
            (Column("N", right=True), [str(trial["number"]) for trial in self.trials]),
            (Column("STATE"), [state(trial["state"]) for trial in self.trials]),
            *((Column(name, right=True), self._values(name)) for name in metrics),
            (Column("STEP", right=True), [number(trial.get("last_step")) or _MISSING for trial in self.trials]),
            (Column("TIME", right=True), [_took(trial, self.now) for trial in self.trials]),
        ]
        wide = [(Column(name, right=self._numeric(name)), self._params(name)) for name in params]
        if width is None:
            return [*shown, *wide], 0
        room = width - sum(map(_width, shown))
        fitting = 0
        while fitting < len(wide) and room >= _width(wide[fitting]) - 2:
            room -= _width(wide[fitting])
            fitting += 1
        return [*shown, *wide[:fitting]], len(wide) - fitting

    def _values(self, metric: str) -> list[str | Cell]:
        return [number((trial.get("values") or {}).get(metric), _DIGITS) or _MISSING for trial in self.trials]

    def _params(self, name: str) -> list[str | Cell]:
        return [
            scalar(trial["params"][name], _DIGITS) if name in trial["params"] else _MISSING for trial in self.trials
        ]

    def _numeric(self, name: str) -> bool:
        given = [trial["params"][name] for trial in self.trials if name in trial["params"]]
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)


def _width(column: Filled) -> int:
    title, cells = column
    texts = (cell.text if isinstance(cell, Cell) else cell for cell in cells)
    return 2 + max(len(title.title), *(len(text) for text in texts))


def _took(trial: Mapping[str, Any], now: datetime) -> str:
    """How long it ran, or has been running."""
    started = moment(trial.get("started_at"))
    if started is None or (trial["origin"] == "added" and not trial["attempts"]):
        return _MISSING
    ended = moment(trial.get("finished_at")) or now
    return duration((ended - started).total_seconds())


@command("show", "basin trial show digits-mlp 12", "basin trial show digits-mlp 12 -o json")
def show(session: Session, study: StudyArgument, trial: NumberArgument) -> None:
    """Show a trial: its parameters, its values, its attempts and its curve."""
    found = session.client.trial(study, trial)
    attempts = session.client.attempts(study, trial)
    screen = session.screen
    if screen.output != "table":
        points, _ = session.client.points(study, trial, _CURVE)
        checkpoints = session.client.checkpoints(study, trial)
        decisions = session.client.decisions(study, trial)
        kept = {"attempt_list": attempts, "points": points, "decisions": decisions, "checkpoints": checkpoints}
        screen.data({**found, **kept})
        return
    screen.line(Cell(f"{found['study']}, trial {found['number']}", "bold"), "  ", state(found["state"]))
    screen.line()
    screen.table([Column(""), Column("", wraps=True)], _facts(found, session.world.now()), header=False)
    screen.line()
    screen.table([Column("PARAMETER"), Column("VALUE", wraps=True)], _params(found))
    points, _ = session.client.points(study, trial, _CURVE)
    curves = list(_curves(points))
    if curves:
        screen.line()
        titles = (
            Column("METRIC"),
            Column("CURVE"),
            Column("FIRST", right=True),
            Column("LAST", right=True),
            Column("STEPS"),
        )
        screen.table(titles, curves)
    trial_health.show(screen, points)
    if decisions := [one for one in session.client.decisions(study, trial) if one.get("reason")]:
        screen.line()
        screen.table(
            [Column("STEP", right=True), Column("DECIDED"), Column("WHY", wraps=True)],
            ((number(one["step"]), one["act"], one["reason"]) for one in decisions),
        )
    if attempts:
        screen.line()
        columns = [
            Column("ATTEMPT", right=True),
            Column("STATE"),
            Column("WORKER"),
            Column("BEGAN"),
            Column("STEP", right=True),
        ]
        screen.table([*columns, Column("FAILURE")], (_attempt(one, session.world.now()) for one in attempts))


def _facts(trial: Mapping[str, Any], now: datetime) -> Iterator[tuple[Cell, str | Cell]]:
    for name, value in (trial.get("values") or {}).items():
        yield Cell(name, "dim"), Cell(number(value), "bold")
    if trial.get("rerun_of") is not None:
        yield Cell("purpose", "dim"), f"{trial['purpose']}: it runs trial {trial['rerun_of']} again"
    yield Cell("origin", "dim"), f"{_origin(trial)}, {ago(moment(trial['created_at']), now)}"
    if trial.get("started_at") and trial["attempts"]:
        ended = moment(trial.get("finished_at"))
        until = f", ended {ago(ended, now)}" if ended else ""
        yield Cell("ran", "dim"), f"{_took(trial, now)}{until}"
    if failure := trial.get("failure"):
        yield Cell("failure", "dim"), f"{failure['class']}: {failure.get('message') or 'no message'}"
    if trial.get("attrs"):
        yield Cell("attrs", "dim"), ", ".join(f"{name} {value}" for name, value in trial["attrs"].items())


def _origin(trial: Mapping[str, Any]) -> str:
    """Where its parameters come from, with the sampler that made them and what went wrong with it, if anything did."""
    suggestion = trial.get("suggestion") or {}
    sampler = (suggestion.get("sampler") or {}).get("type")
    by = f" by {sampler}" if sampler else ""
    note = f" ({suggestion['note']})" if suggestion.get("note") else ""
    return f"{trial['origin']}{by}{note}"


def _params(trial: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is searched, then what the trainer is given besides."""
    for name, value in trial["params"].items():
        yield name, scalar(value)
    for name, value in trial.get("resolved", {}).items():
        if name not in trial["params"]:
            yield name, f"{scalar(value)} (derived or constant)"


def _curves(points: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str, str, str]]:
    live = [point for point in points if not point.get("superseded")]
    for metric in dict.fromkeys(name for point in live for name in plain(point["metrics"])):
        held = [point for point in live if metric in point["metrics"]]
        values = [value for point in held if (value := real(point["metrics"][metric])) is not None]
        if values:
            steps = f"{held[0]['step']} to {held[-1]['step']}"
            yield metric, sparkline(values), number(values[0]), number(values[-1]), steps


def _attempt(attempt: Mapping[str, Any], now: datetime) -> Sequence[str | Cell]:
    failure = attempt.get("failure")
    why = failure["class"] if failure else ""
    step = number(attempt.get("last_step")) or _MISSING
    return (
        str(attempt["attempt"]),
        state(attempt["state"]),
        attempt["worker"],
        ago(moment(attempt["granted_at"]), now),
        step,
        why,
    )
