"""`basin import optuna`: a study of an Optuna database becomes one of the server's, trial by trial."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.command import command
from service.cli.errors import BadInput, CommandError, Conflicting, Refused
from service.cli.points import assigned
from service.cli.screen import Column, state
from service.cli.serve import parts
from service.cli.session import Session
from service.cli.wire_json import Json, encode
from service.words import clean, plural

if TYPE_CHECKING:  # the server's parts, with Optuna among them, are loaded when a database is read
    from service.usecases.importing import Imported

_MOST_AT_ONCE = 100
_BYTES_AT_ONCE = 150_000
_ALL = 10**9


@command(
    "optuna",
    "basin import optuna sqlite:///old.db",
    "basin import optuna sqlite:///old.db --study cnn --as cnn-2025",
    "basin import optuna journal:///optuna.log --dry-run > study.yaml",
    "basin import optuna postgresql://me@db/optuna --study cnn --fill dropout=0",
)
def optuna(
    session: Session,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Where Optuna keeps it: sqlite:, journal:, postgresql: or mysql:.")
    ],
    study: Annotated[
        str | None, typer.Option("--study", metavar="NAME", help="Which study; needed if there are several.")
    ] = None,
    name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Another name for it here.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Print the study that it would be; no server is needed.")
    ] = False,
    running: Annotated[
        Literal["failed", "queued", "leave-out"],
        typer.Option(help="What trials become that seem to be running in Optuna."),
    ] = "failed",
    fill: Annotated[
        list[str] | None,
        typer.Option("--fill", metavar="NAME=VALUE", help="A parameter's value for trials that do not have it."),
    ] = None,
    paused: Annotated[
        bool, typer.Option("--paused", metavar="", help="Leave the study paused: no worker is given its trials.")
    ] = False,
) -> None:
    """Import a study with its trials and curves from a database of Optuna. The database is only read.

    Run again, it adds what is not there yet: after Ctrl-C it goes on where it was.
    """
    imported = _read(url, study, name, running, assigned(fill or (), "--fill"))
    definition = imported.definition.model_dump(mode="json")
    if dry_run:
        _preview(session, imported, definition)
        return
    target = _target(session, definition)
    there = _there(session, imported, definition["name"])
    left = [one for one in imported.arrivals if one.number not in there]
    bodies = [one.trial.model_dump(mode="json", exclude_unset=True) for one in left]
    with _resumable(session, bodies):
        _send(session, definition["name"], bodies)
    if target["state"] == "paused" and not paused:
        target = session.client.move_study(definition["name"], "resume")
    _told(session, imported, definition["name"], bodies, len(there))


def _read(
    url: str,
    study: str | None,
    name: str | None,
    running: Literal["failed", "queued", "leave-out"],
    fill: Mapping[str, bool | int | float | str | None],
) -> "Imported":
    from service.usecases.importing import CannotImport, Wish

    with parts():
        from service import bootstrap

        try:
            return bootstrap.read_optuna(Wish(url=url, study=study, name=name, running=running, fill=fill))
        except CannotImport as cannot:
            raise BadInput(cannot.message, hint=cannot.what_to_do) from cannot


def _preview(session: Session, imported: "Imported", definition: Json) -> None:
    """The study file, as one would write it, with what would be imported as comments."""
    from service.documents import dump

    shown = imported.definition.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    if session.screen.output == "json":
        session.screen.data({"definition": definition, **_summary(imported, Counter(_states(imported)))})
        return
    session.screen.raw(dump(shown).rstrip("\n"))
    counts = ", ".join(f"{count:,} {word}" for word, count in sorted(_states(imported).items())) or "none"
    session.screen.raw(f"# trials: {counts}")
    for reason, count in imported.left_out.items():
        session.screen.raw(f"# left out {count:,}: {clean(reason)}")
    for note in imported.notes:
        session.screen.raw(f"# {clean(note)}")


def _target(session: Session, definition: Json) -> Json:
    """The study that the trials go to, paused while they come: a new one, or that of an import that was broken off."""
    client, name = session.client, definition["name"]
    try:
        client.create_study(definition)
        # Nobody is to be given a suggestion before all is there.
        return client.move_study(name, "pause")
    except Refused as refused:
        if refused.code != "name_taken":
            raise
    there = client.study(name)
    for part in ("objectives", "space"):
        if there["definition"][part] != definition[part]:
            raise Conflicting(
                f"study '{clean(name)}' is there already, and it has not the {part} of the one that is to be imported",
                hint="Choose another name with --as NAME.",
            )
    return there


def _there(session: Session, imported: "Imported", name: str) -> set[int]:
    """The numbers of the trials that an earlier run has imported."""
    trials, _ = session.client.trials(name, {"origin": ["added", "enqueued"]}, _ALL)
    marks = [trial["attrs"].get("optuna") for trial in trials]
    return {mark["number"] for mark in marks if isinstance(mark, dict) and mark.get("study") == imported.study}


def _send(session: Session, name: str, bodies: Sequence[Json]) -> None:
    done = 0
    for piece in _pieces(bodies):
        session.client.add_trials(name, piece)
        done += len(piece)
        session.screen.progress(f"{done:,} of {len(bodies):,} trials ...")
    session.screen.progress("")


def _pieces(bodies: Sequence[Json]) -> Iterator[list[Json]]:
    """As many trials as one request may hold, and as one commit should."""
    piece: list[Json] = []
    size = 0
    for body in bodies:
        length = len(encode(body))
        if piece and (len(piece) == _MOST_AT_ONCE or size + length > _BYTES_AT_ONCE):
            yield piece
            piece, size = [], 0
        piece.append(body)
        size += length
    if piece:
        yield piece


@contextmanager
def _resumable(session: Session, bodies: Sequence[Json]) -> Iterator[None]:
    """Say how to go on when the import is broken off."""
    try:
        yield
    except (Refused, CommandError, KeyboardInterrupt):
        session.screen.progress("")
        what = f"of {plural(len(bodies), 'trial')} those sent last may be missing"
        session.screen.warn(f"the import was broken off: {what}. The same command goes on where it was.")
        raise


def _told(session: Session, imported: "Imported", name: str, sent: Sequence[Json], before: int) -> None:
    counts = Counter(str(body.get("state", "queued")) for body in sent)
    if session.screen.data({"study": name, "there_already": before, **_summary(imported, counts)}):
        return
    session.screen.line(f"Imported {plural(len(sent), 'trial')} of '{clean(imported.study)}' into study '{name}'.")
    if before:
        session.screen.line(f"{plural(before, 'trial')} {'was' if before == 1 else 'were'} there already.")
    if counts:
        rows = [(state(word), f"{count:,}") for word, count in sorted(counts.items())]
        session.screen.table([Column("STATE"), Column("TRIALS", right=True)], rows)
    for reason, count in imported.left_out.items():
        session.screen.warn(f"left out {plural(count, 'trial')}: {clean(reason)}")
    for note in imported.notes:
        session.screen.note(f"note: {clean(note)}")
    session.screen.note(f"Next: basin study show {shlex.quote(name)}")


def _summary(imported: "Imported", counts: Mapping[str, int]) -> Json:
    return {
        "imported": dict(counts),
        "left_out": dict(imported.left_out),
        "optuna": dict(imported.states),
        "notes": list(imported.notes),
    }


def _states(imported: "Imported") -> Mapping[str, int]:
    return Counter(one.trial.state for one in imported.arrivals)
