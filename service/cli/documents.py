"""Files and values as people give them to a command: what cannot be read is a BadInput with its line."""

from pathlib import Path
from typing import Any, TextIO

from service import documents
from service.cli.errors import BadInput
from service.documents import Document, Unreadable
from service.words import clean

MAX_BYTES = 1_000_000


def read(path: str, stdin: TextIO) -> Document:
    """Read a file, or standard input for `-`; what is wrong with it is a BadInput with its line."""
    label = "<stdin>" if path == "-" else clean(path)
    try:
        content = stdin.buffer.read(MAX_BYTES + 1) if path == "-" else _content(Path(path))
    except OSError as error:
        raise BadInput(f"{label}: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise BadInput(f"{label}: is larger than {MAX_BYTES:,} bytes")
    try:
        return parse(content.decode("utf-8-sig"), label)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInput(f"{label}:{line}: is not UTF-8 text") from error


def parse(text: str, label: str) -> Document:
    """Read YAML or JSON from text."""
    try:
        return documents.parse(text, label)
    except Unreadable as error:
        raise BadInput(str(error)) from error


def value(text: str) -> Any:
    """Read a value as it is written on the command line: `1e-5`, `true`, `adamw`, `[16, 32]`."""
    if not text:
        return text
    try:
        return parse(text, "value").data
    except BadInput:
        return text


def scalar(text: str) -> bool | int | float | str | None:
    """Read one plain value; what would be a list or a mapping is text."""
    found = value(text)
    return found if found is None or isinstance(found, bool | int | float | str) else text


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
