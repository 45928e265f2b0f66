"""Trainers by their names, and commands with their places filled."""

from pathlib import Path

import pytest

from trainers import command, registry, source
from trainers.source import TrainerProblem


def test_a_name_that_is_not_known_is_told_with_those_that_are() -> None:
    with pytest.raises(
        TrainerProblem, match=r"there is no trainer 'digits'; there are .*digits-mlp.*, and your own: my_file"
    ):
        registry.find("digits")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("json:nothing", "there is no 'nothing'; functions there: detect_encoding, dump, dumps, load, loads"),
        ("json:decoder", "is a module, and not a function that takes a trial"),
        (":train", "names no function"),
        ("one_that_is_not_there:train", "cannot be imported: .*ModuleNotFoundError"),
        ("/none/my_file.py:train", "there is no file /none/my_file.py"),
    ],
)
def test_what_is_not_to_be_found_is_told(spec: str, message: str) -> None:
    with pytest.raises(TrainerProblem, match=message):
        source.find(spec)


def test_what_is_loaded_ahead() -> None:
    assert registry.preload("digits-mlp") == (*registry.TORCH, "sklearn.datasets")
    assert registry.preload("my_file.py:train") == registry.TORCH
    assert registry.preload("my_package.module:train") == registry.TORCH


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("import math, os.path\nfrom time import sleep\ndef train(trial): ...", True),
        ("def train(trial): ...", True),
        ("import math\nimport torch.nn as nn", False),
        ("import math\ndef train(trial):\n    from numpy import zeros", False),
        ("from . import beside", False),
        ("import beside", False),
        ("import math\ndef train(", False),
    ],
)
def test_what_needs_nothing_but_python_has_nothing_loaded_ahead(tmp_path: Path, text: str, plain: bool) -> None:
    (tmp_path / "mine.py").write_text(text)
    assert registry.preload(f"{tmp_path / 'mine.py'}:train") == (() if plain else registry.TORCH)


def test_values_are_put_in_as_a_whole() -> None:
    values = {"lr": 0.1, "name": "{lr}", "flag": False, "trial.seed": 3}
    filled = command.filled(["run", "--lr={lr}", "{name}", "{flag}{trial.seed}", "{{lr}}"], values)
    assert filled == ["run", "--lr=0.1", "{lr}", "false3", "{lr}"]
    with pytest.raises(ValueError, match=r"the command asks for \{rate\}, which there is not; there are flag, lr,"):
        command.filled(["{rate}"], values)


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(TrainerProblem, match="the command is empty"):
        command.trainer([], pattern=None, environment={})
