"""All commands: each is explained, has examples that fit it, and stands in the manual."""

import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest

import service.cli
from service.cli import app, study_read, trial_read
from service.cli.command import Declared
from service.cli.study_facts import LIMITS
from service.domain.query import TrialOrder
from service.wire.objective import Budget
from service.wire.study import StudyState
from service.wire.trial import TrialState
from tests.unit.service.cli.conftest import Run

ROOT = Path(__file__).parents[4]
MANUAL = (ROOT / "docs/cli.md").read_text()
GROUPS: dict[tuple[str, ...], app.Places] = {
    (): {**app.SERVER, **app.ACCESS, **app.EVENTS, **app.THIS_COMMAND},
    ("token",): app.TOKEN,
    ("study",): app.STUDY,
    ("trial",): app.TRIAL,
    ("import",): app.IMPORT,
    ("workers",): app.WORKERS,
}
COMMANDS: list[tuple[tuple[str, ...], Declared]] = [
    ((*group, name), app.declared(place)) for group, places in GROUPS.items() for name, place in places.items()
]


def name(value: object) -> str:
    return "-".join(value) if isinstance(value, tuple) else ""


def found(path: tuple[str, ...]) -> Any:
    """The command as typer has made it."""
    here: Any = app.root()
    for part in path:
        here = here.commands[part]
    return here


def test_every_command_is_in_the_tree() -> None:
    def walk(here: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for part, child in getattr(here, "commands", {}).items():
            yield from walk(child, (*path, part)) if hasattr(child, "commands") else [(*path, part)]

    there = sorted(walk(app.root(), ()))
    # What other packages bring explains itself.
    brought = [(name,) for name in app.BROUGHT]
    assert there == sorted([*(path for path, _ in COMMANDS), *brought])


def test_every_command_that_is_declared_has_a_place_under_its_name() -> None:
    modules = [import_module(f"service.cli.{found.name}") for found in pkgutil.iter_modules(service.cli.__path__)]
    there = [one for module in modules for one in vars(module).values() if isinstance(one, Declared)]
    assert {id(one) for one in there} == {id(one) for _, one in COMMANDS}
    assert [path[-1] for path, _ in COMMANDS] == [one.name for _, one in COMMANDS]


def test_a_command_loads_no_other() -> None:
    """Or the shortest of them would wait for all."""
    asked = "import sys; from service.cli import main; main(['study', 'list', '--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "service.cli.study_read" in loaded
    assert not loaded & {"service.cli.study_create", "service.cli.serve", "service.bootstrap", "httpx2", "yaml"}


@pytest.mark.parametrize(("path", "declared"), COMMANDS, ids=name)
def test_every_command_has_help_with_an_example(run: Run, path: tuple[str, ...], declared: Declared) -> None:
    ran = run(*path, "--help")
    assert ran.code == 0
    assert f"basin {' '.join(path)}" in ran.out
    assert "Examples" in ran.out
    assert declared.examples
    first = " ".join((declared.function.__doc__ or "").split())
    assert len(first) > 20
    assert first.endswith(".")
    for parameter in found(path).params:
        assert parameter.help or getattr(parameter, "hidden", False), f"{parameter.name} is not explained"


@pytest.mark.parametrize(("path", "declared"), COMMANDS, ids=name)
def test_examples_have_the_options_that_they_show(path: tuple[str, ...], declared: Declared) -> None:
    known = {option for parameter in found(path).params for option in (*parameter.opts, *parameter.secondary_opts)}
    for example in declared.examples:
        own = next(part for part in re.split(r"\s[|>]+\s|\|\|", example) if f"basin {' '.join(path)}" in part)
        used = {word.partition("=")[0] for word in shlex.split(own) if word.startswith("-") and word != "-"}
        assert used <= known, example


@pytest.mark.parametrize(("path", "declared"), COMMANDS, ids=name)
def test_the_manual_names_every_command_and_option(path: tuple[str, ...], declared: Declared) -> None:
    heading = f"### `basin {' '.join(path)}"
    assert heading in MANUAL
    section = MANUAL.partition(heading)[2].partition("\n### ")[0].partition("\n## ")[0]
    assert f"basin {' '.join(path)}" in section
    own = [parameter for parameter in found(path).params if parameter.name not in declared.shared]
    for parameter in own:
        if parameter.param_type_name == "option" and not getattr(parameter, "hidden", False):
            assert f"`{parameter.opts[0]}" in section or f"`{parameter.opts[-1]}" in section, parameter.name


def test_the_manual_tells_the_exit_codes() -> None:
    for code in (0, 1, 2, 3, 4, 5, 130):
        assert f"| {code} |" in MANUAL


def test_states_orders_and_limits_are_those_of_the_wire() -> None:
    assert list(LIMITS) == list(Budget.model_fields)
    assert [one.value for one in study_read.State] == list(get_args(StudyState))
    assert [one.value for one in trial_read.State] == list(get_args(TrialState))
    assert get_args(trial_read.Order) == get_args(TrialOrder)
