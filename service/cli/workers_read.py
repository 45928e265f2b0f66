"""`basin workers list` and `show`: the workers, what they have and what they run."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from service.cli.command import command
from service.cli.errors import NotThere
from service.cli.screen import Cell, Column, state
from service.cli.session import Session
from service.cli.wire_json import Json
from service.words import ago, moment, number, size

WorkerArgument = Annotated[
    str, typer.Argument(metavar="WORKER", help="The worker's name, or its id or how that begins.")
]
_NOTHING = "-"


@command("list", "basin workers list", "basin workers list -o json")
def list_workers(session: Session) -> None:
    """List the workers, those seen last first."""
    workers = session.client.workers()
    screen = session.screen
    if screen.data(workers):
        return
    if not workers:
        screen.note("No workers yet. Start one on a GPU node: basin worker --server URL --trainer NAME")
        return
    titles = (
        Column("WORKER"),
        Column("STATE"),
        Column("HELD", right=True),
        Column("SLOTS", right=True),
        Column("GPUS"),
        Column("TRAINERS"),
        Column("SEEN"),
        Column("ID"),
    )
    now = session.world.now()
    screen.table(titles, (_row(worker, now) for worker in workers))


def _row(worker: Mapping[str, Any], now: datetime) -> Sequence[str | Cell]:
    return (
        worker["name"],
        state(worker["state"]),
        str(len(worker["held"])),
        str(worker["slots"]),
        _gpus(worker["gpus"]),
        ", ".join(worker["trainers"]),
        ago(moment(worker["last_seen_at"]), now),
        worker["id"].partition("-")[0],
    )


def _gpus(gpus: Sequence[Mapping[str, Any]]) -> str:
    """How many of which model, and how busy they are on average, as far as that is known."""
    if not gpus:
        return _NOTHING
    models = list(dict.fromkeys(gpu.get("model") or "GPU" for gpu in gpus))
    used = [gpu["utilisation"] for gpu in gpus if gpu.get("utilisation") is not None]
    busy = f" at {sum(used) / len(used):.0%}" if used else ""
    return f"{len(gpus)} x {' / '.join(models)}{busy}"


@command("show", "basin workers show node-3", "basin workers show 5c8d1d0e -o yaml")
def show(session: Session, worker: WorkerArgument) -> None:
    """Show a worker: its GPUs, its labels and what it runs."""
    found = named(session, worker)
    screen, now = session.screen, session.world.now()
    if screen.data(found):
        return
    screen.line(Cell(found["name"], "bold"), "  ", state(found["state"]))
    screen.line()
    screen.table([Column(""), Column("", wraps=True)], _facts(found, now), header=False)
    if found["gpus"]:
        screen.line()
        titles = (Column("GPU"), Column("MODEL"), Column("BUSY", right=True), Column("MEMORY", right=True))
        screen.table((*titles, Column("HEAT", right=True)), map(_gpu, found["gpus"]))
    if found["held"]:
        screen.line()
        titles = (Column("STUDY"), Column("TRIAL", right=True), Column("ATTEMPT", right=True), Column("GPU"))
        screen.table(
            titles,
            (
                (one["study"], str(one["trial"]), str(one["attempt"]), one.get("gpu") or _NOTHING)
                for one in found["held"]
            ),
        )


def _facts(worker: Mapping[str, Any], now: datetime) -> Iterator[tuple[Cell, str]]:
    facts = {
        "id": worker["id"],
        "why": worker.get("reason"),
        "runs": f"{len(worker['held'])} of {worker['slots']}",
        "trainers": ", ".join(worker["trainers"]),
        "labels": ", ".join(f"{name}={value}" for name, value in worker["labels"].items()),
        "agent": worker["agent_version"],
        "python": worker.get("python_version"),
        "seen": f"{ago(moment(worker['last_seen_at']), now)}, first {ago(moment(worker['first_seen_at']), now)}",
        "clock": _skew(worker.get("clock_skew_seconds")),
    }
    for name, value in facts.items():
        if value:
            yield Cell(name, "dim"), value


def _skew(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return f"{number(abs(seconds))} s {'ahead of' if seconds > 0 else 'behind'} the server's: set it right"


def _gpu(gpu: Mapping[str, Any]) -> Sequence[str]:
    busy, heat = gpu.get("utilisation"), gpu.get("temperature")
    used, whole = gpu.get("memory_used_bytes"), gpu.get("memory_bytes") or 0
    memory = f"{size(used)} of {size(whole)}" if used is not None else size(whole) if whole else _NOTHING
    return (
        gpu["uuid"],
        gpu.get("model") or _NOTHING,
        _NOTHING if busy is None else f"{busy:.0%}",
        memory,
        _NOTHING if heat is None else f"{heat:.0f} °C",
    )


def named(session: Session, given: str) -> Json:
    """The worker that is meant: by its name, or by its id or how that begins."""
    workers = session.client.workers()
    found = [one for one in workers if given == one["name"]] or [
        one for one in workers if one["id"].startswith(given.lower())
    ]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(one["id"] for one in found)
        raise NotThere(f"there are {len(found)} workers like {given!r}: {ids}", hint="Name it by its id.")
    raise NotThere(f"there is no worker {given!r}", hint="`basin workers` lists those there are.")
