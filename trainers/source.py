"""A training function of the user's own, found by `my_file.py:train` or `package.module:train`."""

import ast
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

Train = Callable[[Any], Any]


class TrainerProblem(Exception):
    """A trainer that cannot be used, and why."""


def is_own(spec: str) -> bool:
    """Whether this names a function of the user's own and not a recipe."""
    return ":" in spec


def is_plain(spec: str) -> bool:
    """Whether the function's file imports nothing but Python's own library, wherever in it."""
    place = Path(spec.rpartition(":")[0]).expanduser()
    if place.suffix != ".py":
        return False
    try:
        nodes = list(ast.walk(ast.parse(place.read_bytes())))
    except (OSError, SyntaxError, ValueError):
        return False
    names = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
    names += ["." * node.level + (node.module or "") for node in nodes if isinstance(node, ast.ImportFrom)]
    return all(name.partition(".")[0] in sys.stdlib_module_names for name in names)


def find(spec: str) -> Train:
    """The function; TrainerProblem says file, line and exception if there is none."""
    place, _, name = spec.rpartition(":")
    if not place or not name:
        raise TrainerProblem(f"{spec!r} names no function: write my_file.py:train or package.module:train")
    module = _file(Path(place)) if place.endswith(".py") else _module(place)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return _callable(found, spec, module, name)


def called(target: str) -> Train:
    """The function of a recipe, which is sure to be a module's."""
    place, _, name = target.partition(":")
    return _callable(getattr(_module(place), name, None), target, sys.modules[place], name)


def _file(path: Path) -> ModuleType:
    where = path.expanduser().resolve()
    if not where.is_file():
        raise TrainerProblem(f"there is no file {where}")
    folder = str(where.parent)
    if folder not in sys.path:
        # As `python my_file.py` has it: what lies beside the file can be imported.
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(where.stem, where)
    if spec is None or spec.loader is None:
        raise TrainerProblem(f"{where} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Under its own name, so that what the file defines can be found again, unless something else has that name.
    sys.modules.setdefault(where.stem, module)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise TrainerProblem(_told(str(where), error)) from error
    return module


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise TrainerProblem(_told(name, error)) from error


def _told(what: str, error: BaseException) -> str:
    """Where an import broke: the innermost line that is not the import system's."""
    place = what
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{error.filename}, line {error.lineno}"
    else:
        frames = [one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith("<frozen")]
        outside = [one for one in frames if one.filename not in {__file__, importlib.__file__}]
        if outside:
            place = f"{outside[-1].filename}, line {outside[-1].lineno}"
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{what} cannot be imported: {place}: {type(error).__name__}: {text}".rstrip(": ")


def _callable(found: Any, spec: str, module: ModuleType, name: str) -> Train:
    if found is None:
        own = (one for one in vars(module).values() if inspect.isfunction(one) and one.__module__ == module.__name__)
        there = sorted(one.__name__ for one in own)
        raise TrainerProblem(f"{spec}: there is no {name!r}; functions there: {', '.join(there) or 'none'}")
    if not callable(found):
        raise TrainerProblem(f"{spec} is a {type(found).__name__}, and not a function that takes a trial")
    try:
        inspect.signature(found).bind(None)
    except TypeError as error:
        raise TrainerProblem(f"{spec} must take one argument, the trial: {error}") from error
    except ValueError:
        pass  # Written in C, without a signature: the call will tell.
    train: Train = found
    return train
