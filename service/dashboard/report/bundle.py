"""Many modules as one script: a file that opens from a disk cannot ask for the modules that a module imports.

Only the forms in which our own modules import and export are known. Whatever else one says is refused with its place,
so that a module that is written in another way fails a test and no report.
"""

import re
from collections.abc import Callable
from posixpath import dirname, join, normpath

_IMPORT = re.compile(
    r'^import (?:\* as (?P<all>\w+)|\{ ?(?P<some>[^}]+?),? ?\}) from "(?P<path>\.[^"]+)";$', re.MULTILINE
)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (?P<name>\w+))", re.MULTILINE)
_COMMENT = re.compile(r"^\s*(?://|/?\*).*$", re.MULTILINE)
_UNKNOWN = re.compile(r"^(?:import|export)\b.*|.*\bimport\b ?[(.].*", re.MULTILINE)


class Unbundled(Exception):
    """A module says something that is not understood."""


def bundle(entry: str, read: Callable[[str], str]) -> str:
    """The script of a module and of all that it imports, those that others need first."""
    names: dict[str, str] = {}
    pieces: list[str] = []

    def take(path: str, above: tuple[str, ...]) -> str:
        if path in above:
            raise Unbundled(f"{path} imports itself, by way of {' and '.join(above[above.index(path) + 1 :])}")
        if path not in names:
            source = _IMPORT.sub(
                lambda found: _bound(found, take(_beside(path, found["path"]), (*above, path))), read(path)
            )
            names[path] = f"module{len(names)}"
            pieces.append(_closed(path, names[path], source))
        return names[path]

    take(entry, ())
    return "\n".join(pieces)


def _beside(path: str, asked: str) -> str:
    return normpath(join(dirname(path), asked))


def _bound(found: re.Match[str], module: str) -> str:
    """An import, as names of what another module gives."""
    if found["all"]:
        return f"const {found['all']} = {module};"
    return f"const {{ {found['some'].replace(' as ', ': ')} }} = {module};"


def _closed(path: str, name: str, source: str) -> str:
    """A module as a function of its own, that gives what is exported."""
    given = [found["name"] for found in _EXPORT.finditer(source)]
    inner = _EXPORT.sub("", source)
    if unknown := _UNKNOWN.search(_COMMENT.sub("", inner)):
        raise Unbundled(f"{path}: {unknown[0].strip()[:100]}")
    if "</script" in inner.lower() or "<!--" in inner:
        raise Unbundled(f"{path} holds what would end the script that it is part of")
    return f"// {path}\nconst {name} = (() => {{\n{inner}\nreturn {{ {', '.join(given)} }};\n}})();"
