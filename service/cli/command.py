"""How a command is declared: a function of its session with examples, given the options that all commands share."""

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from service.cli.errors import BadInput, Refused
from service.cli.screen import Output
from service.cli.session import Options, Session, own_version

Function = Callable[..., int | None]
_PANEL = "Options of all commands"
_SERVER: dict[str, Any] = {
    "server": Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="Where the server is (or BASIN_SERVER).", rich_help_panel=_PANEL),
    ],
    "token": Annotated[
        str | None,
        typer.Option("--token", metavar="TOKEN", help="Who you are (or BASIN_TOKEN).", rich_help_panel=_PANEL),
    ],
    "token_file": Annotated[
        str | None,
        typer.Option(
            "--token-file", metavar="FILE", help="A file with the token (or BASIN_TOKEN_FILE).", rich_help_panel=_PANEL
        ),
    ],
}
_OUTPUT: dict[str, Any] = {
    "output": Annotated[
        Output | None,
        typer.Option(
            "--output", "-o", metavar="FORMAT", help="table, json or yaml (or BASIN_OUTPUT).", rich_help_panel=_PANEL
        ),
    ],
}
_SCREEN: dict[str, Any] = {
    "color": Annotated[
        bool | None,
        typer.Option("--color/--no-color", metavar="", help="Colours (or NO_COLOR).", rich_help_panel=_PANEL),
    ],
    "quiet": Annotated[
        bool | None, typer.Option("--quiet", "-q", metavar="", help="Only what matters.", rich_help_panel=_PANEL)
    ],
    "debug": Annotated[
        bool | None, typer.Option("--debug", metavar="", help="More about errors.", rich_help_panel=_PANEL)
    ],
}


class Command(TyperCommand):
    """A command whose `--help` is not shown as if it took a value."""

    def get_help_option(self, ctx: Any) -> Any:
        return _without_value(super().get_help_option(ctx))


class Group(TyperGroup):
    """A group of commands whose `--help` is not shown as if it took a value."""

    def get_help_option(self, ctx: Any) -> Any:
        return _without_value(super().get_help_option(ctx))


def _without_value(option: Any) -> Any:
    if option is not None:
        option.metavar = ""
    return option


@dataclass(frozen=True)
class Declared:
    """A command as the tree of commands takes it up."""

    name: str
    function: Function
    examples: tuple[str, ...]
    shared: dict[str, Any]

    def add_to(self, app: typer.Typer, panel: str | None = None) -> None:
        """Put the command into a group."""

        def run(ctx: typer.Context, **given: Any) -> int | None:
            return _run(self.function, _opened(ctx, self.shared, given), given)

        run.__doc__ = self.function.__doc__
        first = " ".join((run.__doc__ or "").split()).partition(". ")[0].removesuffix(".")
        _sign(run, list(inspect.signature(self.function, eval_str=True).parameters.values())[1:], self.shared)
        app.command(
            self.name, cls=Command, short_help=f"{first}.", epilog=_epilog(self.examples), rich_help_panel=panel
        )(run)


def command(name: str, *examples: str, server: bool = True, output: bool = True) -> Callable[[Function], Declared]:
    """Make a command of a function; each example is a line of its help.

    Without `server` it speaks to none; without `output` there is one way to write its result.
    """
    shared = {**(_SERVER if server else {}), **(_OUTPUT if output else {}), **_SCREEN}
    return lambda function: Declared(name, function, examples, shared)


def group(name: str, help: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(
        name=name, help=help, cls=Group, no_args_is_help=True, add_completion=False, rich_markup_mode="rich"
    )


def set_root(app: typer.Typer, help: str, *examples: str) -> None:
    """Let the options that all commands share stand before the name of a command, too."""
    shared = {**_SERVER, **_OUTPUT, **_SCREEN}

    def root(ctx: typer.Context, version: bool, **given: Any) -> None:
        _opened(ctx, shared, given)
        if version:
            sys.stdout.write(f"basin {own_version()}\n")
            raise typer.Exit
        if ctx.invoked_subcommand is None:
            sys.stdout.write(ctx.get_help())
            raise typer.Exit(BadInput.exit_code)

    flag = Annotated[bool, typer.Option("--version", metavar="", help="Show the version of this command and exit.")]
    keyword = inspect.Parameter.KEYWORD_ONLY
    _sign(root, [inspect.Parameter("version", keyword, default=False, annotation=flag)], shared)
    app.callback(cls=Group, help=help, epilog=_epilog(examples), invoke_without_command=True)(root)


def set_default(app: typer.Typer, declared: Declared) -> None:
    """Let the name of a group alone do what one of its commands does."""

    def default(ctx: typer.Context, **given: Any) -> int | None:
        session = _opened(ctx, declared.shared, given)
        return _run(declared.function, session, given) if ctx.invoked_subcommand is None else None

    _sign(default, list(inspect.signature(declared.function, eval_str=True).parameters.values())[1:], declared.shared)
    app.callback(cls=Group, epilog=_epilog(declared.examples), invoke_without_command=True, no_args_is_help=False)(
        default
    )


def _opened(ctx: typer.Context, shared: dict[str, Any], given: dict[str, Any]) -> Session:
    """The session of this run, with the options given here on top of those given before; they leave `given`."""
    options = Options(**{name: given.pop(name) for name in shared})
    session = ctx.find_root().obj
    assert isinstance(session, Session)
    session.options = options.over(session.options)
    return session


def _run(function: Function, session: Session, given: dict[str, Any]) -> int | None:
    try:
        return function(session, **given)
    except Refused as refused:
        raise refused.explain() from refused
    except BrokenPipeError:
        # The reader has seen enough (`basin trial list s | head`). What is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        session.close()


def _sign(run: Callable[..., Any], own: list[inspect.Parameter], shared: dict[str, Any]) -> None:
    """Give a wrapper the parameters that typer is to see: its own, and those that all commands share."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("ctx", keyword, annotation=typer.Context),
        *(parameter.replace(kind=keyword) for parameter in own),
        *(inspect.Parameter(name, keyword, default=None, annotation=option) for name, option in shared.items()),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def _epilog(examples: tuple[str, ...]) -> str:
    return "\n".join(["[bold]Examples[/bold]", *(f"  {line}".replace("[", r"\[") for line in examples)])
