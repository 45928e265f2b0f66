"""`basin trial explain`: why a trial is what it is, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.screen import Cell, Column, Screen, state
from service.cli.session import Session
from service.cli.trial_read import NumberArgument
from service.words import number, plural, real, scalar

_MISSING = "-"
_NOTHING_TO_GAIN = 1e-6


@command("explain", "basin trial explain digits-mlp 12", "basin trial explain digits-mlp 12 -o json")
def explain(session: Session, study: StudyArgument, trial: NumberArgument) -> None:
    """Say why a trial is what it is: who chose its parameters, what was known then, and what was decided of it."""
    found = session.client.explanation(study, trial)
    screen = session.screen
    if screen.data(found):
        return
    screen.line(Cell(f"{found['study']}, trial {found['number']}", "bold"), "  ", state(found["state"]))
    screen.line()
    for line in _origin(found):
        screen.line(line)
    for outlook in found["outlooks"]:
        screen.line()
        for line in _outlook(outlook):
            screen.line(line)
    _neighbours(screen, found)
    screen.line()
    for sentence in found["decisions"]:
        screen.line(sentence)
    screen.line(found["ending"])


def _origin(found: Mapping[str, Any]) -> Iterator[str]:
    drawn, known, again = found["drawn"], found["known"], found["recomputed"]
    yield drawn["by"]
    if known is not None:
        yield _known(known)
    if again is not None:
        yield from _again(again)
    if drawn["trial_seed"] is not None:
        versions = drawn["versions"].get("optuna")
        engine = f" (Optuna {versions})" if versions else ""
        yield f"Its seed is {drawn['trial_seed']}, made of the study's {drawn['study_seed']} and its number{engine}."


def _known(known: Mapping[str, Any]) -> str:
    pending = ""
    if known["pending_count"]:
        listed = ", ".join(map(str, known["pending"][:10]))
        more = ", ..." if known["pending_count"] > 10 else ""
        pending = f", and {known['pending_count']:,} had been suggested and had not ended ({listed}{more})"
    at = f" (seq {known['seq']})" if known["seq"] is not None else ""
    return f"{plural(known['ended'], 'trial')} had ended by then{at}{pending}."


def _again(again: Mapping[str, Any]) -> Iterator[str]:
    if again["state"] == "same":
        yield "Computed again from what was known, the suggestion is the same."
        return
    why = f": {again['reason']}" if again["reason"] else ""
    yield (
        f"Whether it would be suggested again is not known{why}."
        if again["state"] == "unknown"
        else (f"Computed again, the suggestion is another one{why}.")
    )
    if again["params"]:
        yield f"  now: {', '.join(f'{name} {scalar(value)}' for name, value in again['params'].items())}"


def _outlook(outlook: Mapping[str, Any]) -> Iterator[str]:
    yield f"A model, {outlook['model']}:"
    if outlook["density_ratio"] is not None:
        ratio = number(outlook["density_ratio"], 3)
        yield f"  the point is {ratio} times as likely among the good trials as among the others"
    if outlook["mean"] is not None:
        yield f"  it expects {outlook['metric']} {number(outlook['mean'])} +- {number(outlook['sd'], 2)}"
        gain = real(outlook["expected_gain"]) or 0.0
        scale = abs(real(outlook["best"]) or 0.0) or 1.0
        told = "practically no gain" if gain < _NOTHING_TO_GAIN * scale else f"a gain of {number(gain, 3)}"
        yield f"  the best that was known is {number(outlook['best'])}: {told} is expected"


def _neighbours(screen: Screen, found: Mapping[str, Any]) -> None:
    if not found["neighbours"]:
        return
    screen.line()
    screen.line("The nearest trials that had ended (1 is the whole range of a parameter):")
    metrics = list(dict.fromkeys(name for one in found["neighbours"] for name in one["values"] or ()))
    columns = [
        Column("TRIAL", right=True),
        Column("DISTANCE", right=True),
        Column("STATE"),
        *(Column(name, right=True) for name in metrics),
    ]
    rows: Iterator[list[str | Cell]] = (
        [
            str(one["number"]),
            number(one["distance"], 2),
            state(one["state"]),
            *(number((one["values"] or {}).get(name)) or _MISSING for name in metrics),
        ]
        for one in found["neighbours"]
    )
    screen.table(columns, rows)
