"""What one run of a command works with: the options that all commands share, the screen, and the server."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, cast, get_args

from service.cli.errors import BadInput
from service.cli.screen import Output, Screen
from service.cli.words import clean
from service.cli.world import FIRST_PATIENCE, PATIENCE, World

if TYPE_CHECKING:  # loaded by the first command that speaks to a server
    from service.cli.client import Client

DEFAULT_SERVER = "http://127.0.0.1:8420"


def own_version() -> str:
    """The version of this program."""
    try:
        return version("basin")
    except PackageNotFoundError:  # run from its sources
        return "0+unknown"


@dataclass(frozen=True)
class Options:
    """The options that every command has, before or after its name. None: not given there."""

    server: str | None = None
    token: str | None = None
    output: Output | None = None
    color: bool | None = None
    quiet: bool | None = None
    debug: bool | None = None

    def over(self, other: "Options") -> "Options":
        """These options, and where one is not given the other's."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        return replace(other, **given)


@dataclass
class Session:
    """One run of one command."""

    world: World = field(default_factory=World)
    options: Options = Options()

    @cached_property
    def screen(self) -> Screen:
        """Where it writes."""
        color = self.options.color
        if color is None:
            color = not self.world.environ.get("NO_COLOR")
        return Screen(self._output(), color=color, quiet=bool(self.options.quiet))

    def _output(self) -> Output:
        given = self.options.output or self.world.environ.get("BASIN_OUTPUT") or "table"
        for known in get_args(Output):
            if given == known:
                return cast(Output, known)
        raise BadInput(f"BASIN_OUTPUT={clean(given)}: must be one of {', '.join(get_args(Output))}")

    @property
    def server(self) -> str:
        """The URL of the server."""
        return self.options.server or self.world.environ.get("BASIN_SERVER") or DEFAULT_SERVER

    @cached_property
    def client(self) -> "Client":
        """The server, over its API."""
        return self.connect(FIRST_PATIENCE, PATIENCE)

    def connect(self, first_patience: float = 0, patience: float = 0, seconds: float = 30) -> "Client":
        """A client of its own, with another patience and time limit than commands have."""
        from service.cli.client import Client
        from service.cli.retry import Retrier

        return Client(
            self.server,
            self.options.token or self.world.environ.get("BASIN_TOKEN"),
            Retrier(self.world, self.screen.note, first_patience, patience),
            version=own_version(),
            transport=self.world.transport,
            seconds=seconds,
        )

    def close(self) -> None:
        """Let go of the connection, if there is one."""
        if "client" in vars(self):
            self.client.close()
