"""YAML and JSON as people write them: plain values only, and for each of them the line on which it stands.

YAML 1.2 scalars (`1e-5` is a number, `no` is text), duplicate keys and custom tags are refused, and so are documents
that would grow without bound when their aliases are followed.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from service.words import clean

MAX_DEPTH = 32
MAX_NODES = 100_000
_TAG = "tag:yaml.org,2002:"


class Unreadable(Exception):
    """A text that cannot be read: where and why, in one line."""


@dataclass(frozen=True)
class Document:
    """What a file says, and where it says it."""

    label: str
    data: Any
    root: Node | None = None

    def place(self, field: str) -> str:
        """The file and line of a field, written as `space.dropout.high` or `objectives[0].metric`.

        A field that is missing stands where its parent begins.
        """
        return self.label if self.root is None else f"{self.label}:{self.line(field)}"

    def line(self, field: str) -> int:
        """The line of a field, the first of all being 1."""
        return 1 if self.root is None else _find(self.root, field).start_mark.line + 1


def parse(text: str, label: str) -> Document:
    """Read YAML or JSON from text."""
    try:
        loader = _Loader(_as_yaml(text))
        root = loader.get_single_node()
        data = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise Unreadable(f"{label}{_line(error)}: {_problem(error)}") from error
    except ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise Unreadable(f"{label}:{line}: holds the control character {clean(text[error.position])}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable(f"{label}: cannot be read: {clean(str(error))}") from error
    return Document(label, data, root)


def dump(data: object) -> str:
    """Write plain data as YAML, in the order it has."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def _as_yaml(text: str) -> str:
    """JSON is YAML but for tabs, which can stand only between its tokens."""
    if "\t" in text and text.lstrip()[:1] in {"{", "["}:
        try:
            json.loads(text)
        except ValueError:
            return text
        return text.replace("\t", " ")
    return text


def _line(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f":{mark.line + 1}" if mark else ""


def _problem(error: yaml.MarkedYAMLError) -> str:
    parts = (error.context, error.problem) if error.context != error.problem else (error.problem,)
    return clean(", ".join(part for part in parts if part))


class _Resolver(BaseResolver):
    """Which type a scalar without quotes has: the core schema of YAML 1.2."""


class _Dumper(yaml.SafeDumper):
    """Puts into quotes what either version of YAML would not read as text."""


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.")),
    ("merge", r"<<", ["<"]),
):
    for _class in (_Resolver, _Dumper):
        _class.add_implicit_resolver(_TAG + _tag, re.compile(f"(?:{_pattern})$"), _first)


class _Composer(Parser, Composer):
    """Nodes of bounded depth; an alias counts with all that it stands for."""

    def __init__(self) -> None:
        Parser.__init__(self)
        Composer.__init__(self)
        self.depth = 0
        self.count = 0
        self.weights: dict[int, int] = {}

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        alias = self.check_event(AliasEvent)
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # PyYAML is not annotated
        before = self.count
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"is nested deeper than {MAX_DEPTH} levels", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        if alias and id(node) not in self.weights:
            raise yaml.MarkedYAMLError(problem="the alias stands within its own anchor", problem_mark=mark)
        self.count += self.weights[id(node)] if alias else 1
        self.weights[id(node)] = self.count - before
        if self.count > MAX_NODES:
            raise yaml.MarkedYAMLError(problem=f"holds more than {MAX_NODES:,} values", problem_mark=mark)
        return node


class _Constructor(SafeConstructor):
    """Plain values of nodes, of keys that are text and stand once."""

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if key.tag == _TAG + "merge":
                continue
            if not isinstance(key, ScalarNode) or key.tag != _TAG + "str":
                text = key.value if isinstance(key, ScalarNode) else "this key"
                raise ConstructorError(None, None, f"{text!r} must be text: write it in quotes", key.start_mark)
            if key.value in seen:
                problem = f"{key.value!r} is here twice: first on line {seen[key.value]}"
                raise ConstructorError(None, None, problem, key.start_mark)
            seen[key.value] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)

    def whole(self, node: ScalarNode) -> int:
        text = str(self.construct_scalar(node))
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))

    def real(self, node: ScalarNode) -> float:
        return float(str(self.construct_scalar(node)).lower().replace(".inf", "inf").replace(".nan", "nan"))

    def unknown(self, node: Node) -> Any:
        raise ConstructorError(None, None, f"the tag {node.tag!r} is not known here", node.start_mark)


# Only these: what SafeConstructor makes besides (dates, sets, bytes) has no place in JSON.
_Constructor.yaml_constructors = {
    _TAG + "null": SafeConstructor.construct_yaml_null,
    _TAG + "bool": SafeConstructor.construct_yaml_bool,
    _TAG + "int": _Constructor.whole,
    _TAG + "float": _Constructor.real,
    _TAG + "str": SafeConstructor.construct_yaml_str,
    _TAG + "seq": SafeConstructor.construct_yaml_seq,
    _TAG + "map": SafeConstructor.construct_yaml_map,
    None: _Constructor.unknown,
}


class _Loader(Reader, Scanner, _Composer, _Constructor, _Resolver):
    """All the steps from text to values."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        _Composer.__init__(self)
        _Constructor.__init__(self)
        _Resolver.__init__(self)


def _find(node: Node, field: str) -> Node:
    """The node of a field, or the nearest one above it. Names may hold dots, so the longest that fits is taken."""
    if isinstance(node, SequenceNode) and (index := re.match(r"\[(\d+)\]\.?", field)):
        if int(index[1]) < len(node.value):
            return _find(node.value[int(index[1])], field[index.end() :])
    elif isinstance(node, MappingNode):
        fitting = [(key, child) for key, child in node.value if _begins(field, key.value)]
        if fitting:
            key, child = max(fitting, key=lambda pair: len(pair[0].value))
            found = _find(child, field[len(key.value) :].removeprefix("."))
            # A mapping or list begins behind its key: the key is where one looks for it.
            return key if found is child and not isinstance(child, ScalarNode) else found
    return node


def _begins(field: str, key: object) -> bool:
    return isinstance(key, str) and field.startswith(key) and field[len(key) : len(key) + 1] in {"", ".", "["}
