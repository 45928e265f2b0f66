"""`basin study export`: all trials of a study, or a report of it, as a file or to standard output."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, get_args

import typer

from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.errors import BadInput, Unreachable
from service.cli.files import whole
from service.cli.screen import Screen
from service.cli.session import Session
from service.words import clean, size

Format = Literal["csv", "json", "parquet", "html"]
# What a terminal would be full of, and why.
_SPOILS: Mapping[str, str] = {
    "parquet": "parquet is not text: it would spoil your terminal",
    "html": "a report is for a browser: it would fill your terminal",
}


@command(
    "export",
    "basin study export digits-mlp > trials.csv",
    "basin study export digits-mlp -o trials.parquet",
    "basin study export digits-mlp --points --format json -o curves.json",
    "basin study export digits-mlp --format html -o report.html",
    output=False,
)
def export(
    session: Session,
    study: StudyArgument,
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="By the file's ending, or csv.", show_default=False)
    ] = None,
    points: Annotated[bool, typer.Option("--points", metavar="", help="The learning curves, not the trials.")] = False,
    file: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to; standard output if not given.")
    ] = None,
) -> None:
    """Write all trials of a study, or the points of their curves, as CSV, JSON or Parquet; or a report as HTML."""
    kind = format or _by_ending(file)
    if points and kind == "html":
        raise BadInput("a report has the curves in any case", hint="Leave --points away.")
    if file is None and kind in _SPOILS and session.screen.terminal:
        raise BadInput(_SPOILS[kind], hint=f"Add -o {'report' if kind == 'html' else 'trials'}.{kind}")
    with whole(file) as target:
        written = _copy(session, study, kind, points, target)
    session.screen.progress("")
    if file is not None:
        session.screen.note(f"Wrote {size(written)} to {clean(str(file))}.")


def _copy(session: Session, study: str, kind: str, points: bool, target: BinaryIO) -> int:
    import httpx2

    written = 0
    if kind == "html":
        session.screen.progress("the server puts the report together ...")
    with session.client.export(study, kind, points=points) as response:
        try:
            for chunk in response.iter_bytes():
                target.write(chunk)
                written += len(chunk)
                _show(session.screen, written, kind)
        except httpx2.TransportError as error:
            session.screen.progress("")
            raise Unreachable(
                f"the connection was lost after {size(written)}; the export is not complete", hint="Run it again."
            ) from error
    target.flush()
    return written


def _show(screen: Screen, written: int, kind: str) -> None:
    screen.progress(f"{size(written)} of {kind} ...")


def _by_ending(file: Path | None) -> str:
    ending = file.suffix.removeprefix(".").lower() if file else ""
    ending = "html" if ending == "htm" else ending
    return ending if ending in get_args(Format) else "csv"
