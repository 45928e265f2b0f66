"""The options of `basin worker`, as typer reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.core import TyperCommand

Output = Literal["auto", "live", "plain", "json"]
_TRIALS, _MACHINE, _ENDS, _TRY, _OTHER = "Trials", "This machine", "When it ends", "Without a server", "Other"
_EXAMPLES = """[bold]Examples[/bold]
  basin worker --trainer digits-mlp
  basin worker --server https://basin.example.org --token-file token.txt --trainer my_file.py:train
  basin worker --trainer digits-mlp --gpus 0,1 --slots-per-gpu 2 --labels site=berlin --selector tag=nightly
  basin worker --trainer digits-mlp --exit-when-idle 10m --max-trials 50
  basin worker --trainer my_file.py:train --dry-run --param learning_rate=0.01
  basin worker -- python train.py --lr {learning_rate}"""
_HELP = """Run trials on this machine: take them from a server, train, report, and give back what it must leave.

It runs only the trainers that are named here. What a server says can start one of them, and nothing else.
"""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was said on the command line. None: nothing was."""

    command: Sequence[str]
    server: str | None
    token_file: Path | None
    trainer: Sequence[str]
    metric_pattern: str | None
    selector: Sequence[str]
    gpus: str | None
    slots_per_gpu: int | None
    slots: int | None
    labels: Sequence[str]
    name: str | None
    workdir: Path
    exit_when_idle: str | None
    max_trials: int | None
    grace: str
    checkpoint_every: str
    dry_run: bool
    study_file: str | None
    param: Sequence[str]
    metric: str | None
    seed: int | None
    output: Output | None


class _Command(TyperCommand):
    """A command whose `--help` is not shown as if it took a value."""

    def get_help_option(self, ctx: typer.Context) -> object:  # type: ignore[override]
        option = super().get_help_option(ctx)
        if option is not None:
            option.metavar = ""
        return option


def read(arguments: Sequence[str]) -> Options | int:
    """The options of these arguments; an exit code where only help was asked for."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command(cls=_Command, help=_HELP, epilog=_EXAMPLES)(_options)
    found = typer.main.get_command(app)(list(arguments), prog_name="basin worker", standalone_mode=False)
    return found if isinstance(found, Options) else int(found or 0)


def _options(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- COMMAND", help="A program as the trainer; {name} stands for a parameter."),
    ] = None,
    server: Annotated[str | None, typer.Option(metavar="URL", help="Where the server is (or BASIN_SERVER).")] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file with this worker's token (or BASIN_TOKEN).")
    ] = None,
    trainer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TRAINER",
            help="A trainer by its name, or a function: my_file.py:train, name=my_file.py:train. May be repeated.",
            rich_help_panel=_TRIALS,
        ),
    ] = None,
    metric_pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Reads a command's metrics, such as 'loss=(?P<val_loss>[0-9.e+-]+)'; else lines of JSON are read.",
            rich_help_panel=_TRIALS,
        ),
    ] = None,
    selector: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Only of study=NAME or tag=TAG.", rich_help_panel=_TRIALS),
    ] = None,
    gpus: Annotated[
        str | None,
        typer.Option(
            metavar="WHICH", help="all, none, or numbers as in 0,1; what there is by default.", rich_help_panel=_MACHINE
        ),
    ] = None,
    slots_per_gpu: Annotated[
        int | None, typer.Option(metavar="N", help="Trials at once on each GPU (1).", rich_help_panel=_MACHINE)
    ] = None,
    slots: Annotated[
        int | None,
        typer.Option(metavar="N", help="Trials at once without a GPU (one per core).", rich_help_panel=_MACHINE),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="What studies may require of a worker.", rich_help_panel=_MACHINE),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="For people (the host's name).", rich_help_panel=_MACHINE),
    ] = None,
    workdir: Annotated[
        Path,
        typer.Option(metavar="DIR", help="What must outlive this process is kept here.", rich_help_panel=_MACHINE),
    ] = Path("basin-worker"),
    exit_when_idle: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="End when there was nothing to do for so long.", rich_help_panel=_ENDS),
    ] = None,
    max_trials: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="End after so many trials.", rich_help_panel=_ENDS)
    ] = None,
    grace: Annotated[
        str,
        typer.Option(metavar="TIME", help="From SIGTERM to the end of this process.", rich_help_panel=_ENDS),
    ] = "25s",
    checkpoint_every: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="How often a running trial saves, for when this node is lost.",
            rich_help_panel=_ENDS,
        ),
    ] = "60s",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Run one trial and print what would be reported.", rich_help_panel=_TRY),
    ] = False,
    study_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Take the middle of this study's space.", rich_help_panel=_TRY),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter's value.", rich_help_panel=_TRY),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What is measured, without a study file (loss).", rich_help_panel=_TRY),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Draw the point by this seed.", rich_help_panel=_TRY),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FORMAT", help="live, plain or json; live in a terminal.", rich_help_panel=_OTHER
        ),
    ] = None,
) -> Options:
    return Options(
        command=command or (),
        server=server,
        token_file=token_file,
        trainer=trainer or (),
        metric_pattern=metric_pattern,
        selector=selector or (),
        gpus=gpus,
        slots_per_gpu=slots_per_gpu,
        slots=slots,
        labels=labels or (),
        name=name,
        workdir=workdir,
        exit_when_idle=exit_when_idle,
        max_trials=max_trials,
        grace=grace,
        checkpoint_every=checkpoint_every,
        dry_run=dry_run,
        study_file=study_file,
        param=param or (),
        metric=metric,
        seed=seed,
        output=output,  # type: ignore[arg-type]
    )
