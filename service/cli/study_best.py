"""`basin study best` and `pareto`: the best trials, and those that no other beats in all objectives."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from typing import Annotated, Any

import typer

from service.cli import one_se
from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.screen import Cell, Column, Screen
from service.cli.session import Session
from service.words import number, plural, real, scalar, sparkline

_DIGITS = 4
_MOST = 10_000
_MISSING = "-"


class Rule(Enum):
    """How the best trial is chosen."""

    VALUE = "value"
    ONE_SE = "one-se"


@command(
    "best",
    "basin study best digits-mlp",
    "basin study best digits-mlp --count 3 -o json",
    "basin study best wine-cv --rule one-se",
    "basin study best wine-cv --rule one-se --parameter weight_decay",
)
def best(
    session: Session,
    study: StudyArgument,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 10,
    rule: Annotated[
        Rule, typer.Option(help="By value, or the most regularised trial that is as good as the best one.")
    ] = Rule.VALUE,
    parameter: Annotated[
        str, typer.Option(metavar="NAME", help="What regularises, for one-se: the larger, the simpler.")
    ] = "lambda",
) -> None:
    """Show the best trials with their values and parameters. Of several objectives, the best compromises come first."""
    if rule is Rule.ONE_SE:
        _one_se(session, study, parameter)
        return
    found = session.client.best(study, count)
    screen = session.screen
    if screen.data(found):
        return
    if not found["trials"]:
        screen.note(f"There is no best trial. {found['reason']}")
        return
    _table(screen, found["trials"])
    if found["by"] == "front":
        screen.note(
            "\nThese trials are beaten by no other in all objectives; the first is the nearest to the best of each. "
            "basin study pareto shows all of them."
        )


def _one_se(session: Session, study: str, parameter: str) -> None:
    """Show what the one-standard-error rule chooses."""
    trials, _ = session.client.trials(study, {"state": "completed"}, _MOST)
    choice = one_se.choose(trials, session.client.study(study)["definition"]["objectives"][0], parameter)
    screen = session.screen
    if choice is None:
        reason = "No trial of the study has completed yet."
        if not screen.data({"rule": Rule.ONE_SE.value, "trial": None, "reason": reason}):
            screen.note(f"There is no best trial. {reason}")
        return
    if screen.data({**asdict(choice), "rule": Rule.ONE_SE.value}):
        return
    both = [choice.trial, *([] if choice.trial is choice.best else [choice.best])]
    _table(screen, [{"rank": place, **one} for place, one in enumerate(both, 1)])
    screen.note("\n" + "\n".join(one_se.told(choice)))


@command(
    "pareto",
    "basin study pareto digits-mlp",
    "basin study pareto digits-mlp --reference val_loss=1.0 --reference throughput=100",
)
def pareto(
    session: Session,
    study: StudyArgument,
    reference: Annotated[
        list[str] | None,
        typer.Option("--reference", metavar="METRIC=VALUE", help="Measure the volume up to here, in each objective."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many trials at most.")] = 100,
) -> None:
    """Show the Pareto front: the trials that no other beats in all objectives, and the hypervolume they dominate."""
    point = ",".join(_colon(one) for one in reference) if reference else None
    found = session.client.pareto(study, count, point)
    screen = session.screen
    if screen.data(found):
        return
    if not found["trials"]:
        screen.note(f"There is no front. {found['reason']}")
        return
    aims = ", ".join(f"{one['direction']} {one['metric']}" for one in found["objectives"])
    on_front = plural(found["size"], "trial")
    screen.line(Cell(f"{on_front} of {found['of']:,} completed ones on the front", "bold"), f" ({aims})")
    screen.line()
    _table(screen, found["trials"])
    screen.line()
    _volume(screen, found)
    if found["size"] > len(found["trials"]):
        screen.note(f"There are more than these {len(found['trials'])}: --count shows more.")


def _colon(pair: str) -> str:
    name, _, value = pair.rpartition("=")
    return f"{name.strip()}:{value.strip()}"


def _table(screen: Screen, trials: Sequence[Mapping[str, Any]]) -> None:
    metrics = list(dict.fromkeys(name for trial in trials for name in trial["values"]))
    params = list(dict.fromkeys(name for trial in trials for name in trial["params"]))
    columns = [
        Column("RANK", right=True),
        Column("TRIAL", right=True),
        *(Column(name, right=True) for name in metrics),
        *(Column(name, right=_numeric(trials, name)) for name in params),
    ]
    rows = [
        [
            str(trial["rank"]),
            str(trial["number"]),
            *(number(trial["values"].get(name), _DIGITS) or _MISSING for name in metrics),
            *(scalar(trial["params"][name], _DIGITS) if name in trial["params"] else _MISSING for name in params),
        ]
        for trial in trials
    ]
    screen.table(columns, rows)


def _numeric(trials: Sequence[Mapping[str, Any]], name: str) -> bool:
    given = [trial["params"][name] for trial in trials if name in trial["params"]]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)


def _volume(screen: Screen, found: Mapping[str, Any]) -> None:
    if found.get("hypervolume") is not None:
        point = ", ".join(f"{metric} {number(value)}" for metric, value in found["reference"].items())
        whence = "" if found["reference_from"] == "given" else ": a tenth of the front's range behind its worst values"
        screen.line("hypervolume ", Cell(number(found["hypervolume"]), "bold"), f" up to {point}{whence}")
    volumes = [value for one in found["history"] if (value := real(one["hypervolume"])) is not None]
    if len(volumes) > 1:
        first, last = found["history"][0]["number"], found["history"][-1]["number"]
        screen.line(f"it grew      {sparkline(volumes)}  from trial {first} to trial {last}")
    if found.get("reason"):
        screen.note(found["reason"])
