"""All commands: each is explained, has examples that fit it, and stands in the manual."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

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
COMMANDS: list[tuple[tuple[str, ...], Declared]] = [
    *(((one.name,), one) for one in (*app.SERVER, *app.ACCESS, app.EVENTS, *app.THIS_COMMAND)),
    *((("token", one.name), one) for one in app.TOKEN),
    *((("study", one.name), one) for one in app.STUDY),
    *((("trial", one.name), one) for one in app.TRIAL),
    *((("import", one.name), one) for one in app.IMPORT),
    *((("workers", one.name), one) for one in app.WORKERS),
]


def name(value: object) -> str:
    return "-".join(value) if isinstance(value, tuple) else ""


def found(path: tuple[str, ...]) -> Any:
    """The command as typer has made it."""
    here: Any = typer.main.get_command(app.app)
    for part in path:
        here = here.commands[part]
    return here


def test_every_command_is_in_the_tree() -> None:
    def walk(here: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for part, child in getattr(here, "commands", {}).items():
            yield from walk(child, (*path, part)) if hasattr(child, "commands") else [(*path, part)]

    there = sorted(walk(typer.main.get_command(app.app), ()))
    # What other packages bring explains itself.
    brought = [path for path in there if path[0] in {"trainer", "worker"}]
    assert brought
    assert there == sorted([*(path for path, _ in COMMANDS), *brought])


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
