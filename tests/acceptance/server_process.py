"""A real server in a process of its own, that tests may stop, kill and start again."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.patience import PATIENCE


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no connection takes for its own end while a server is away.

    Those take theirs from 32768 on, as a rule.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is no free port")


class ServerProcess:
    """`basin serve` on a free port of 127.0.0.1, with its log in a file."""

    def __init__(self, database_url: str, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BASIN_")}
        chosen = {f"BASIN_{name.upper()}": value for name, value in settings.items()}
        self._environment: Mapping[str, str] = {
            **inherited,
            "BASIN_DATABASE_URL": database_url,
            "BASIN_DATA_DIR": str(folder),
            "BASIN_PORT": str(self.port),
            "BASIN_MIGRATE": "always",
            **chosen,
        }
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, ready: bool = True) -> None:
        """Start it, and wait until it is ready to serve."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service.cli", "serve"],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if ready:
            self.wait_until("/readyz")

    def wait_until(self, path: str, status: int = 200) -> None:
        """Wait until an address answers with a status."""
        deadline = time.monotonic() + PATIENCE
        seen: object = None
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise AssertionError(f"the server ended with {self._process.returncode}:\n{self.log.read_text()}")
            seen = self.status(path)
            if seen == status:
                return
            time.sleep(0.02)
        raise AssertionError(f"{path} answers {seen}, not {status}:\n{self.log.read_text()}")

    def status(self, path: str) -> int | None:
        """The status that an address answers with; None if nobody answers."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return None

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Stop it with SIGTERM; answers its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, sign: signal.Signals) -> int:
        process, self._process = self._process, None
        assert process is not None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(sign)
        return process.wait(PATIENCE)
