"""How a command is declared: a function of its session with examples, given the options that all commands share."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
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

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # typer's signature
        """Their names: typer's own would make them all."""
        return list(self.commands)


Made = Any
"""A command or a group as typer runs it: it has no public name for either."""
Maker = Callable[[], Made]


class Shelf(Mapping[str, Made]):
    """The commands of a group by their names. Each is made when it is taken, and most of them never are."""

    def __init__(self, makers: Mapping[str, Maker]) -> None:
        self._makers = makers
        self._made: dict[str, Made] = {}

    def __getitem__(self, name: str) -> Made:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


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

    def made(self, panel: str | None) -> Made:
        """The command for typer, in a panel of its group's help."""

        def run(ctx: typer.Context, **given: Any) -> int | None:
            return _run(self.function, _opened(ctx, self.shared, given), given)

        run.__doc__ = self.function.__doc__
        first = " ".join((run.__doc__ or "").split()).partition(". ")[0].removesuffix(".")
        _sign(run, list(inspect.signature(self.function, eval_str=True).parameters.values())[1:], self.shared)
        return single(
            run, self.name, cls=Command, short_help=f"{first}.", epilog=_epilog(self.examples), rich_help_panel=panel
        )


def command(name: str, *examples: str, server: bool = True, output: bool = True) -> Callable[[Function], Declared]:
    """Make a command of a function; each example is a line of its help.

    Without `server` it speaks to none; without `output` there is one way to write its result.
    """
    shared = {**(_SERVER if server else {}), **(_OUTPUT if output else {}), **_SCREEN}
    return lambda function: Declared(name, function, examples, shared)


def single(run: Callable[..., Any], name: str, **given: Any) -> Made:
    """A command that typer makes of a function."""
    holder = typer.Typer(add_completion=False, rich_markup_mode="rich")
    holder.command(name, **given)(run)
    return typer.main.get_command(holder)


def group(name: str, help: str, commands: Shelf, panel: str, default: Declared | None = None) -> Made:
    """A group of commands; one of them may be what the group's name alone does."""
    app = typer.Typer(
        name=name,
        help=help,
        cls=Group,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
    )
    if default is not None:
        _set_default(app, default)
    made = _filled(app, commands)
    made.rich_help_panel = panel
    return made


def root_group(commands: Shelf, help: str, *examples: str) -> TyperGroup:
    """The group of all commands. The options that all of them share may stand before the name of one, too."""
    app = typer.Typer(name="basin", no_args_is_help=True, add_completion=False, rich_markup_mode="rich")
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
    return _filled(app, commands)


def _set_default(app: typer.Typer, declared: Declared) -> None:
    def default(ctx: typer.Context, **given: Any) -> int | None:
        session = _opened(ctx, declared.shared, given)
        return _run(declared.function, session, given) if ctx.invoked_subcommand is None else None

    _sign(default, list(inspect.signature(declared.function, eval_str=True).parameters.values())[1:], declared.shared)
    app.callback(cls=Group, epilog=_epilog(declared.examples), invoke_without_command=True, no_args_is_help=False)(
        default
    )


def _filled(app: typer.Typer, commands: Shelf) -> TyperGroup:
    made = typer.main.get_group(app)
    made.commands = commands  # type: ignore[assignment]  # nothing is ever put into it
    return made


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
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # how inspect is told
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def _epilog(examples: tuple[str, ...]) -> str:
    return "\n".join(["[bold]Examples[/bold]", *(f"  {line}".replace("[", r"\[") for line in examples)])
