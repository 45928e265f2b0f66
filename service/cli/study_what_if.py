"""`basin study what-if`: what another scheduler would have done with the curves of a study."""

import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from service.cli import documents
from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.errors import BadInput
from service.cli.points import assigned
from service.cli.screen import Cell, Column, Screen, state
from service.cli.session import Session
from service.cli.waiting import wait_for
from service.words import clean, duration, number, plural, real

_LISTED = 10


@command(
    "what-if",
    "basin study what-if digits-mlp --scheduler asha --set reduction_factor=3",
    "basin study what-if digits-mlp --scheduler '{type: percentile, percentile: 25, warmup_steps: 5}'",
    "basin study what-if digits-mlp --file scheduler.yaml -o json",
)
def what_if(
    session: Session,
    study: StudyArgument,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="SCHEDULER", help="Its name, or all of it as YAML or JSON.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="One of its options; several are possible."),
    ] = None,
    file: Annotated[str | None, typer.Option("--file", metavar="FILE", help="A file that holds it.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="List at most so many trials.")] = _LISTED,
    wait: Annotated[int, typer.Option(min=0, metavar="SECONDS", help="How long to wait for the result.")] = 120,
) -> None:
    """Replay the curves of a study before another scheduler: what it would have saved, and lost. It changes nothing."""
    asked = _scheduler(scheduler, file, changes or [])
    client = session.client
    found = wait_for(session, lambda seconds: client.what_if(study, asked, seconds), wait)
    screen = session.screen
    if screen.data(found):
        return
    if found["replay"] is None:
        screen.note(
            f"There is nothing to replay: {found['reason']}."
            if found["reason"]
            else "It is still being computed: ask again in a moment."
        )
        return
    _show(screen, found, limit)


def _scheduler(text: str | None, file: str | None, changes: list[str]) -> dict[str, Any]:
    if (text is None) == (file is None):
        raise BadInput(
            "name a scheduler with --scheduler, or a --file that holds one", hint="basin study what-if --help"
        )
    data = documents.read(file, sys.stdin).data if file is not None else documents.parse(text or "", "--scheduler").data
    if isinstance(data, dict) and set(data) == {"scheduler"}:
        data = data["scheduler"]
    if isinstance(data, str):
        data = {"type": data}
    if not isinstance(data, dict):
        given = "--scheduler" if file is None else clean(file)
        raise BadInput(f"{given}: must be the name of a scheduler, or a mapping with its type and options")
    return {**data, **assigned(changes, "--set")}


def _show(screen: Screen, found: Mapping[str, Any], limit: int) -> None:
    replay = found["replay"]
    kind, written = found["scheduler"]["type"], _options(found["scheduler"])
    age = "" if found["state"] == "ready" else f"; as of seq {found['seq']}, a newer one is on its way"
    screen.line(Cell(kind, "bold"), f"{written} on {found['metric']}{age}")
    screen.line()
    screen.table([Column(""), Column("", wraps=True)], list(_facts(replay)), header=False)
    listed = replay["halted"][:limit]
    if listed:
        screen.line()
        columns = [
            Column("TRIAL", right=True),
            Column("STEP", right=True),
            Column("REALLY"),
            Column("CAME TO", right=True),
            Column("WHY", wraps=True),
        ]
        screen.table(
            columns,
            (
                (str(one["number"]), str(one["step"]), state(one["really"]), str(one["last_step"]), one["reason"] or "")
                for one in listed
            ),
        )
    more = len(replay["halted"]) - len(listed) + replay["halted_more"]
    if more and limit:
        screen.note(f"... and {plural(more, 'more trial')} (--limit).")
    for note in replay["notes"]:
        screen.note(f"- {note}")


def _options(scheduler: Mapping[str, Any]) -> str:
    given = {name: one for name, one in scheduler.items() if name not in {"type", "metric"} and one is not None}
    return f" ({', '.join(f'{name} {_option(one)}' for name, one in given.items())})" if given else ""


def _option(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{value['type']}{_options(value)}"
    return number(value) if isinstance(value, int | float) else clean(str(value))


def _facts(replay: Mapping[str, Any]) -> Iterator[tuple[Cell, str]]:
    judged = plural(replay["trials"], "trial")
    some = f" of {replay['of']:,}" if replay["trials"] + replay["given"] < replay["of"] else ""
    added = f", beside {replay['given']:,} that ran elsewhere" if replay["given"] else ""
    yield Cell("judged", "dim"), f"{judged}{some}{added}"
    acts = [f"{replay[name]:,} {name}" for name in ("stopped", "paused") if replay[name]] or ["none stopped"]
    times = f" (promoted {replay['promoted']:,} times before)" if replay.get("promoted") else ""
    yield Cell("it", "dim"), f"{', '.join(acts)}{times}; really {replay['really_stopped']:,} were"
    yield Cell("steps", "dim"), _spent(replay["steps"], lambda value: f"{value:,.0f}")
    if replay["gpu_seconds"] is not None:
        partly = (
            f" (known of {plural(replay['gpu_trials'], 'trial')})" if replay["gpu_trials"] < replay["trials"] else ""
        )
        yield Cell("GPU time", "dim"), f"{_spent(replay['gpu_seconds'], duration)}{partly}"
    if replay["best"] is not None:
        yield Cell("best trial", "dim"), _best(replay["best"])
    if replay["top"]:
        kept = ", ".join(f"{one['kept']} of the best {one['k']}" for one in replay["top"])
        yield Cell("kept", "dim"), kept
    if replay["unknown"]:
        known = f"{plural(replay['unknown'], 'trial')} would have gone on beyond where the curve was cut short"
        yield Cell("unknown", "dim"), known


def _spent(spent: Mapping[str, Any], write: Any) -> str:
    really, saved = real(spent["really"]) or 0.0, real(spent["saved"]) or 0.0
    share = f" ({saved / really:.0%})" if really else ""
    return f"{write(saved)} of {write(really)} saved{share}"


def _best(best: Mapping[str, Any]) -> str:
    told = f"trial {best['number']} ({best['metric']} {number(best['value'])})"
    if best["kept"]:
        return f"{told} would have been kept"
    if best["next_number"] is None:
        return f"{told} would have been lost at step {best['stopped_at']}, and every other completed one with it"
    left = f"trial {best['next_number']} ({number(best['next_value'])})"
    return (
        f"{told} would have been lost at step {best['stopped_at']}; left is {left}, worse by {number(best['regret'])}"
    )
