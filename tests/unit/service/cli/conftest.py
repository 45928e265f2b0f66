"""A command line that speaks to a server in memory."""

import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import httpx2
import pytest

from service.cli import main
from service.cli.world import World
from tests.unit.service.cli.fake_server import FakeServer

NOW = datetime(2026, 1, 2, 3, 7, 5, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that goes only while somebody sleeps."""

    seconds: float = 0.0
    naps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds

    def read(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


class Run(Protocol):
    """Runs a command."""

    def __call__(
        self, *arguments: str, environ: Mapping[str, str] = {}, stdin: str = "", terminal: int | None = None
    ) -> Ran: ...


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(server: FakeServer, clock: Clock) -> World:
    return World(
        environ={},
        transport=httpx2.MockTransport(server),
        now=lambda: NOW,
        sleep=clock.sleep,
        monotonic=clock.read,
        jitter=lambda: 1.0,
    )


@pytest.fixture
def run(world: World, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; `terminal` is the width of one that all three streams are then connected to."""

    def run(*arguments: str, environ: Mapping[str, str] = {}, stdin: str = "", terminal: int | None = None) -> Ran:
        given = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", given)
            if terminal is not None:
                for stream in (sys.stdout, sys.stderr, given):
                    patch.setattr(stream, "isatty", lambda: True)
                patch.setenv("COLUMNS", str(terminal))
                patch.setenv("TERM", "xterm-256color")
                patch.delenv("NO_COLOR", raising=False)
            code = main(arguments, World(**{**vars(world), "environ": dict(environ)}))
        captured = capsysbinary.readouterr()
        return Ran(code, captured.out.decode("utf-8", "replace"), captured.err.decode())

    return run
