"""What one run of a command works with: the options that all commands share, the screen, and the server."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, cast, get_args

from service.cli import credentials
from service.cli.errors import BadInput
from service.cli.screen import Output, Screen
from service.cli.world import FIRST_PATIENCE, PATIENCE, World
from service.words import clean

if TYPE_CHECKING:  # loaded by the first command that speaks to a server
    from service.cli.client import Client

DEFAULT_SERVER = "http://127.0.0.1:8420"


def own_version() -> str:
    """The version of this program."""
    from importlib.metadata import PackageNotFoundError, version  # it loads much, and few commands tell their version

    try:
        return version("basin")
    except PackageNotFoundError:  # run from its sources
        return "0+unknown"


@dataclass(frozen=True)
class Options:
    """The options that every command has, before or after its name. None: not given there."""

    server: str | None = None
    token: str | None = None
    token_file: str | None = None
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
        return self.chosen_server or DEFAULT_SERVER

    @property
    def chosen_server(self) -> str | None:
        """The URL of the server, if the user has said which."""
        return self.options.server or self.world.environ.get("BASIN_SERVER") or None

    @cached_property
    def token(self) -> str | None:
        """Who the user is: the token that was given, or the one that is kept for the server."""
        return self.given_token or credentials.Kept(self.world.environ).get(self.server)

    @property
    def given_token(self) -> str | None:
        """The first token that is there of those given by options and by variables."""
        environ = self.world.environ
        if self.options.token:
            return self.options.token
        if self.options.token_file:
            return credentials.read_file(self.options.token_file, "--token-file")
        if environ.get("BASIN_TOKEN"):
            return environ["BASIN_TOKEN"]
        if environ.get("BASIN_TOKEN_FILE"):
            return credentials.read_file(environ["BASIN_TOKEN_FILE"], "BASIN_TOKEN_FILE")
        return None

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
            self.token,
            Retrier(self.world, self.screen.note, first_patience, patience),
            version=own_version(),
            transport=self.world.transport,
            seconds=seconds,
        )

    def connect_as(self, server: str, token: str) -> "Client":
        """The server at a URL, spoken to with a token: from now on that of this run."""
        self.options = replace(self.options, server=server, token=token)
        vars(self).pop("token", None)
        return self.client

    def close(self) -> None:
        """Let go of the connection, if there is one."""
        if "client" in vars(self):
            self.client.close()
