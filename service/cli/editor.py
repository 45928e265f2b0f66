"""`basin study edit --editor`: what may be changed of a study as YAML in an editor, until it is right or given up."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from service.cli import documents
from service.cli.errors import BadInput, CommandError, Refused
from service.cli.session import Session
from service.cli.study_facts import LIMITS
from service.cli.wire_json import Json, encode
from service.documents import Document, dump
from service.wire.problem import field_errors
from service.wire.study import StudyPatch
from service.words import clean

_HEAD = """\
# Study {name}, revision {revision}. Save and close to apply what you change; leave it as it is to give up.
# A limit that is null is no limit.
"""
_ERROR = "# error: "
_KNOWN_EDITORS = ("nano", "vi")


class _Wrong(Exception):
    """The text cannot be applied: the fields at fault (none for the text as a whole), with what is wrong."""

    def __init__(self, errors: Sequence[tuple[int, str]]) -> None:
        super().__init__()
        self.errors = errors


def change(session: Session, study: Json) -> Json | None:
    """Let the user edit until the server takes it; None where nothing was changed."""
    command = _editor(session.world.environ)
    folder = Path(tempfile.mkdtemp(prefix="basin-edit-"))
    file = folder / "study.yaml"
    file.write_text(_written(study), encoding="utf-8")
    try:
        changed = _until_right(session, study, command, file)
    except CommandError as error:
        if _read(file) in {_written(study), ""}:
            shutil.rmtree(folder)
        else:
            error.hint = f"{error.hint or 'Nothing was changed.'} Your text is kept in {file}"
        raise
    shutil.rmtree(folder)
    return changed


def _until_right(session: Session, study: Json, command: Sequence[str], file: Path) -> Json | None:
    first = text = _read(file)
    errors: Sequence[tuple[int, str]] = ()
    while True:
        _edit(command, file)
        before, text = text, _read(file)
        if text in {first, ""}:
            session.screen.note("Nothing was changed.")
            return None
        if errors and text == before:
            raise BadInput(*(message for _, message in errors))
        try:
            return _applied(session, study, text)
        except _Wrong as wrong:
            errors = wrong.errors
        file.write_text(_with_errors(text, errors), encoding="utf-8")


def _applied(session: Session, study: Json, text: str) -> Json:
    """Send what the text says; _Wrong names the lines at fault."""
    try:
        document = documents.parse(text, "")
    except BadInput as error:
        raise _Wrong([_split(str(error))]) from error
    data = document.data
    try:
        StudyPatch.model_validate_json(encode(data))
        return session.client.change_study(study["name"], data, study["revision"])
    except ValidationError as refused:
        errors = [(one.field, one.message) for one in field_errors(refused, data)]
    except Refused as refused:
        if not refused.fields:
            raise refused.explain() from refused
        errors = list(refused.fields)
    raise _Wrong([(_line(document, field), f"{field}: {message}" if field else message) for field, message in errors])


def _written(study: Json) -> str:
    definition = study["definition"]
    budget = definition.get("budget", {})
    fields = {
        "note": definition.get("note", ""),
        "tags": list(definition.get("tags", ())),
        "priority": definition.get("priority", 0),
        # Limits that only a newer server knows are shown too: one that is left out would be lifted.
        "budget": {name: budget.get(name) for name in dict.fromkeys((*LIMITS, *budget))},
    }
    return _HEAD.format(name=clean(study["name"]), revision=study["revision"]) + dump(fields)


def _with_errors(text: str, errors: Sequence[tuple[int, str]]) -> str:
    """Each error as a comment above its line."""
    lines = text.splitlines()
    for line, message in sorted(errors, reverse=True):
        lines[line - 1 : line - 1] = [f"{_ERROR}{part}" for part in message.splitlines()]
    return "\n".join(lines) + "\n"


def _read(file: Path) -> str:
    """The user's text: without the errors that were shown in it, and nothing where there are only empty lines."""
    text = file.read_text(encoding="utf-8", errors="replace")
    kept = [line for line in text.splitlines() if not line.startswith(_ERROR)]
    return "\n".join(kept) + "\n" if any(line.strip() for line in kept) else ""


def _split(message: str) -> tuple[int, str]:
    found = re.match(r":(\d+): (.*)", message, re.DOTALL)
    return (int(found[1]), found[2]) if found else (1, message.removeprefix(": "))


def _line(document: Document, field: str) -> int:
    return int(document.place(field).removeprefix(":") or 1)


def _editor(environ: Mapping[str, str]) -> list[str]:
    chosen = environ.get("VISUAL") or environ.get("EDITOR")
    if chosen:
        return shlex.split(chosen)
    for name in _KNOWN_EDITORS:
        if found := shutil.which(name):
            return [found]
    raise BadInput("there is no editor", hint="Set EDITOR, such as EDITOR=nano")


def _edit(command: Sequence[str], file: Path) -> None:
    try:
        done = subprocess.run([*command, os.fspath(file)], check=False)
    except OSError as error:
        raise BadInput(f"the editor {clean(command[0])} cannot be started: {error.strerror}") from error
    if done.returncode:
        raise BadInput(f"the editor ended with exit code {done.returncode}; nothing was changed")
