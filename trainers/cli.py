"""`basin trainer` and `python -m trainers`: what trainers there are, and training without a server."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand, TyperGroup

from trainers import desk, proposal, registry, source
from trainers.api import Failed
from trainers.dialect import OutsideSpace
from trainers.source import TrainerProblem
from trainers.space import BadParameter, Dimension

_TRAIN_EXAMPLES = """[bold]Examples[/bold]
  python -m trainers digits-mlp --epochs 5 --lr 1e-3
  python -m trainers digits-cnn --set optimizer=nesterov --set schedule=one_cycle --seed 3
  python -m trainers table-mlp --set data=diabetes --set lambda=1e-4
  python -m trainers my_file.py:train --set learning_rate=0.01"""
_EXAMPLES = """[bold]Examples[/bold]
  basin trainer list
  basin trainer describe digits-mlp
  basin trainer space digits-mlp >> study.yaml
  basin trainer techniques
  basin trainer train digits-mlp --epochs 5 --lr 1e-3"""
_INTERRUPTED = 130

_Output = Annotated[
    Literal["table", "json", "yaml"] | None,
    typer.Option("--output", "-o", metavar="FORMAT", help="table, json or yaml."),
]
_Name = Annotated[str, typer.Argument(metavar="TRAINER", help="A trainer by its name, or my_file.py:train.")]


class _Command(TyperCommand):
    """A command whose `--help` is not shown as if it took a value."""

    def get_help_option(self, ctx: Any) -> Any:
        return _without_value(super().get_help_option(ctx))


class _Group(TyperGroup):
    """A group of commands, likewise."""

    def get_help_option(self, ctx: Any) -> Any:
        return _without_value(super().get_help_option(ctx))


def _without_value(option: Any) -> Any:
    if option is not None:
        option.metavar = ""
    return option


def command(arguments: Sequence[str], *, output: str | None = None, **_others: object) -> int:
    """Run `basin trainer` with what stands behind it; answers the exit code. No server is needed, and none is asked."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich", no_args_is_help=True)
    app.callback(cls=_Group, help="Look at trainers and techniques; train without a server.", epilog=_EXAMPLES)(
        lambda: None
    )
    shown = _Shown(output)
    app.command("list", cls=_Command, help="List the trainers that are installed.")(shown.trainers)
    app.command("describe", cls=_Command, help="Tell a trainer's parameters, with defaults and bounds.")(shown.describe)
    app.command("space", cls=_Command, help="Print a trainer's space as a study file has it.")(shown.space)
    app.command("techniques", cls=_Command, help="List techniques: what each adds, its paper and its test.")(
        shown.techniques
    )
    examples = _TRAIN_EXAMPLES.replace("python -m trainers", "basin trainer train")
    app.command("train", cls=_Command, help="Train once, without a server.", epilog=examples)(_train)
    return _carried_out(app, arguments, "basin trainer")


def train(arguments: Sequence[str]) -> int:
    """Run `python -m trainers` with what stands behind it; answers the exit code."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command(cls=_Command, help="Train once, without a server: a line an epoch.", epilog=_TRAIN_EXAMPLES)(_train)
    return _carried_out(app, arguments, "python -m trainers")


def _carried_out(app: typer.Typer, arguments: Sequence[str], name: str) -> int:
    try:
        code = typer.main.get_command(app)(list(arguments), prog_name=name, standalone_mode=False)
    except typer.TyperException as error:
        said = error.format_message()
        # Without a command the help was shown already, and there is nothing to say.
        sys.stderr.write(f"error: {said}\nhint: {name} --help\n" if said else "")
        return 2
    except (BadParameter, OutsideSpace, TrainerProblem, Failed) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1 if isinstance(error, Failed) else 2
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("interrupted\n")
        return _INTERRUPTED
    return int(code or 0)


def _train(
    trainer: _Name,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Times that the data are gone through.")] = None,
    lr: Annotated[float | None, typer.Option("--lr", metavar="RATE", help="The learning rate.")] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other parameter or setting. May be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="All chance hangs on it.")] = 0,
    device: Annotated[str | None, typer.Option(metavar="DEVICE", help="cpu or cuda; a GPU if there is one.")] = None,
) -> None:
    named = {"epochs": epochs, "learning_rate": lr}
    params = {**desk.assigned(given or ()), **{name: one for name, one in named.items() if one is not None}}
    values = desk.train(trainer, params, seed=seed, device=device or _device())
    sys.stdout.write("in the end  " + "  ".join(f"{name} {value:.6g}" for name, value in values.items()) + "\n")


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


class _Shown:
    """What is told of trainers, as tables for people, or as JSON or YAML for programs."""

    def __init__(self, output: str | None) -> None:
        self._output = output

    def trainers(self, output: _Output = None) -> None:
        """List the trainers."""
        listed = [{"name": name, "summary": registry.summary(name)} for name in registry.names()]
        self._show(listed, ("name", "summary"), output)

    def describe(self, trainer: _Name, output: _Output = None) -> None:
        """Tell a trainer's parameters."""
        told = [
            {
                "parameter": one.name,
                "default": one.default,
                "searched": "yes" if one.searched else "",
                "range": proposal.ranged(one),
                "what it is": one.summary,
            }
            for one in dimensions(trainer)
        ]
        if (output or self._output) in {None, "table"}:
            sys.stdout.write(f"{trainer}: {registry.summary(trainer)}\n")
        self._show(told, tuple(told[0]), output)

    def space(self, trainer: _Name, output: _Output = None) -> None:
        """Print a trainer's space."""
        every = dimensions(trainer)
        if (output or self._output) == "json":
            sys.stdout.write(json.dumps(proposal.entries(every), indent=2) + "\n")
        else:
            sys.stdout.write(proposal.as_yaml(trainer, every))

    def techniques(self, output: _Output = None) -> None:
        """List the techniques."""
        from trainers.techniques import table

        self._show([dict(zip(table.HEADINGS, row, strict=True)) for row in table.rows()], table.HEADINGS, output)

    def _show(self, rows: Sequence[Mapping[str, Any]], headings: Sequence[str], output: str | None) -> None:
        output = output or self._output
        if output == "json":
            sys.stdout.write(json.dumps(list(rows), indent=2) + "\n")
            return
        if output == "yaml":
            import yaml

            sys.stdout.write(yaml.safe_dump([dict(row) for row in rows], sort_keys=False, allow_unicode=True))
            return
        shown = Table(box=None, pad_edge=False)
        for heading in headings:
            shown.add_column(heading.upper(), overflow="fold")
        for row in rows:
            shown.add_row(*(str(row[heading]) for heading in headings))
        Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False).print(shown)


def dimensions(trainer: str) -> tuple[Dimension, ...]:
    """What can be chosen of a trainer, where it says so: built-in ones do."""
    function = registry.find(trainer)
    found = getattr(sys.modules[function.__module__], "DIMENSIONS", None)
    if found is None:
        whose = "your own function" if source.is_own(trainer) else trainer
        raise TrainerProblem(
            f"{whose} does not say what it searches: give its module DIMENSIONS, made with trainers.space, "
            "or write the study's space by hand (docs/study.md)"
        )
    return tuple(found)
