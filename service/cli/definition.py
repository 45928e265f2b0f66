"""From `study.yaml` to a study definition: changes from the command line, and errors at the line of their field."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from pydantic import ValidationError

from service.cli import documents
from service.cli.errors import BadInput, CommandError, Refused
from service.cli.wire_json import encode
from service.documents import Document
from service.wire.problem import field_errors
from service.wire.study import StudyDefinition
from service.words import clean


@dataclass(frozen=True)
class Override:
    """A value given on the command line in place of the file's."""

    option: str
    field: str
    value: Any


@dataclass(frozen=True)
class Source:
    """What is to become a definition, and where each of its fields comes from."""

    document: Document
    overrides: tuple[Override, ...]
    data: Any

    def place(self, field: str) -> str:
        """Where a field was given: `study.yaml:12`, or the option that set it."""
        for override in reversed(self.overrides):
            if field == override.field or field.startswith((f"{override.field}.", f"{override.field}[")):
                return override.option
        return self.document.place(field)

    def error(self, field: str, message: str) -> str:
        """One line for one field."""
        place = self.place(field)
        # An option names its field itself.
        named = field and not any(field == override.field for override in self.overrides)
        return f"{place}: {f'{field}: ' if named else ''}{clean(message)}"

    def definition(self) -> StudyDefinition:
        """The definition, by the same rules and in the same words as the server's."""
        try:
            return StudyDefinition.model_validate_json(encode(self.data))
        except ValidationError as refused:
            lines = [self.error(one.field, one.message) for one in field_errors(refused, self.data)]
            raise BadInput(*lines) from refused

    def explain(self, refused: Refused) -> CommandError:
        """A refusal of the server, at the places of the fields that it names."""
        plain = refused.explain()
        if not refused.fields or plain.exit_code != BadInput.exit_code:
            return plain
        lines = [self.error(field, message) for field, message in refused.fields]
        return BadInput(*lines, hint=plain.hint, detail=plain.detail)


def load(path: str, stdin: TextIO, changes: Sequence[str] = (), name: str | None = None) -> Source:
    """Read a file and make the changes: `PATH=VALUE` each, and the name."""
    document = documents.read(path, stdin)
    if document.data is None:
        raise BadInput(f"{document.label}: is empty", hint="basin study template prints a study to start from.")
    overrides = [_override(change) for change in changes]
    if name is not None:
        overrides.append(Override("--name", "name", name))
    data = document.data
    for override in overrides:
        data = changed(data, override)
    return Source(document, tuple(overrides), data)


def changed(data: Any, override: Override) -> Any:
    """The data with one value put in its place; mappings that are missing on the way are made."""
    return _put(data, override.field, override)


def _override(change: str) -> Override:
    field, equals, text = change.partition("=")
    if not equals or not field.strip():
        raise BadInput(f"--set {change}: must be PATH=VALUE, such as budget.max_trials=20")
    field = field.strip()
    return Override(f"--set {clean(field)}", field, documents.value(text))


def _put(data: Any, rest: str, override: Override) -> Any:
    """A copy with the value at the path `rest`: only what lies on the way is copied, so shared parts stay apart."""
    if not rest:
        return override.value
    if rest.startswith("["):
        return _put_item(data, rest, override)
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise BadInput(f"{override.option}: there is a {_kind(data)} where '{rest}' should be")
    # Names of parameters may hold dots: the longest that is there is meant.
    name = max((key for key in _prefixes(rest) if key in data), key=len, default=next(_prefixes(rest)))
    return {**data, name: _put(data.get(name), rest[len(name) :].removeprefix("."), override)}


def _put_item(data: Any, rest: str, override: Override) -> Any:
    index, _, behind = rest[1:].partition("]")
    if not isinstance(data, list) or not index.isdigit() or int(index) >= len(data):
        held = f"a list of {len(data)}" if isinstance(data, list) else f"a {_kind(data)}"
        raise BadInput(f"{override.option}: there is no item [{index}] in {held}")
    place = int(index)
    return [*data[:place], _put(data[place], behind.removeprefix("."), override), *data[place + 1 :]]


def _prefixes(rest: str) -> Iterator[str]:
    """The names that a path can begin with, shortest first."""
    for place, sign in enumerate(rest):
        if sign in ".[" and place:
            yield rest[:place]
            if sign == "[":
                return
    yield rest


def _kind(data: Any) -> str:
    return "mapping" if isinstance(data, dict) else "list" if isinstance(data, list) else "single value"
