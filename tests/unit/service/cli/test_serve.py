"""Running a server: settings from flags, and what is refused before anything starts."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from service.cli import app, demo, findings, serve
from service.config import Settings
from service.domain.errors import SchemaMismatch, StoreUnavailable
from tests.unit.service.cli.conftest import Run
from tests.unit.service.cli.fake_server import FakeServer, problem


class Bootstrap(ModuleType):
    """In place of the module that loads a whole server."""

    def __init__(self) -> None:
        super().__init__("service.bootstrap")
        self.served: list[Settings] = []
        self.state = SimpleNamespace(found="1", needed="2")
        self.error: Exception | None = None
        self.demos: list[tuple[str, Path]] = []

    @contextmanager
    def beside(self, address: str, folder: Path) -> Iterator[None]:
        """In place of the processes of the demo."""
        self.demos.append((address, folder))
        yield

    def serve(self, settings: Settings, *, ready: Any = None, leaving: Any = None) -> None:
        self._fail()
        self.served.append(settings)
        if ready is not None:
            ready(f"http://127.0.0.1:{settings.port}")

    def migrate(self, settings: Settings) -> str:
        self._fail()
        return "2"

    def schema_state(self, settings: Settings) -> Any:
        self._fail()
        return self.state

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bootstrap:
    fake = Bootstrap()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "service.bootstrap", fake)
    monkeypatch.setattr(sys.modules["service"], "bootstrap", fake, raising=False)
    monkeypatch.setattr(findings, "_free", lambda host, port: True)
    monkeypatch.setattr(demo, "beside", fake.beside)
    return fake


def test_every_setting_is_a_flag() -> None:
    command: Any = app.root()
    flags = {parameter.name for parameter in command.commands["serve"].params}
    assert set(Settings.model_fields) <= flags
    assert serve.serve is app.declared(app.SERVER["serve"])


def test_flags_win(run: Run, bootstrap: Bootstrap) -> None:
    flags = ("--port", "9", "--log-format", "json", "--no-migrate", "--allowed-hosts", "a,b", "--no-group-commit")
    assert run("serve", *flags, environ={"BASIN_PORT": "7", "BASIN_WRITER_BATCH": "3"}).code == 0
    (settings,) = bootstrap.served
    assert (settings.port, settings.log_format, settings.migrate, settings.writer_batch) == (9, "json", False, 3)
    assert settings.allowed_hosts == ("a", "b")
    assert settings.group_commit is False


def test_settings_that_are_wrong(run: Run, bootstrap: Bootstrap) -> None:
    ran = run("serve", "--port", "x", environ={"BASIN_PROT": "1"})
    assert ran.code == 2
    assert ran.err.startswith("error: BASIN_PROT: unknown setting (did you mean BASIN_PORT?)\nerror: --port: ")
    assert bootstrap.served == []


def test_who_needs_tokens_is_a_setting(run: Run, bootstrap: Bootstrap) -> None:
    assert run("serve", "--host", "10.0.0.1").code == 0
    assert run("serve", "--host", "10.0.0.1", "--trust-network").code == 0
    assert run("serve", "--require-tokens", "always").code == 0
    assert run("serve").code == 0
    assert [settings.needs_tokens for settings in bootstrap.served] == [True, False, True, False]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StoreUnavailable("the database does not answer"), 4, "error: the database does not answer\nhint: Try again"),
        (SchemaMismatch("the database is too old"), 1, "error: the database is too old\n"),
        (ModuleNotFoundError("x", name="uvicorn.config"), 1, "error: the server's parts are not installed here"),
        (ModuleNotFoundError("x", name="service.nope"), 1, "error: this should not have happened"),
    ],
)
def test_a_server_that_cannot_start(run: Run, bootstrap: Bootstrap, error: Exception, code: int, said: str) -> None:
    bootstrap.error = error
    ran = run("serve")
    assert ran.code == code
    assert ran.err.startswith(said)


def test_up(run: Run, bootstrap: Bootstrap, tmp_path: Path) -> None:
    ran = run("up", "--no-demo", environ={"BASIN_DATABASE_URL": "postgresql://db/x"})
    assert ran.code == 0
    assert "Basin is running at http://127.0.0.1:8420" in ran.out
    assert f"Its data is in {tmp_path / 'basin-data'}" in ran.out
    assert "BASIN_SERVER" not in ran.out
    (settings,) = bootstrap.served
    assert settings.database_url == "sqlite:///basin-data/basin.db"
    assert settings.log_level == "warning"
    assert bootstrap.demos == []
    assert "Ctrl-C stops the server." in ran.out


def test_up_with_a_worker_beside_it(run: Run, bootstrap: Bootstrap) -> None:
    ran = run("up")
    assert bootstrap.demos == [("http://127.0.0.1:8420", Path("basin-data/worker"))]
    assert "A worker runs beside it; it writes to basin-data/worker/worker.log\n" in ran.out
    assert "Ctrl-C stops all of it." in ran.out


def test_up_where_no_worker_can_be(run: Run, bootstrap: Bootstrap, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run("up", environ={"BASIN_REQUIRE_TOKENS": "always"})
    assert "No worker beside it: this server wants tokens" in ran.out
    monkeypatch.setattr(demo, "_NEEDED", ("no_such_package", "json"))
    assert "No worker beside it: no_such_package is missing here (pip install" in run("up").out
    assert bootstrap.demos == []


def test_what_is_loaded_later_is_missed_at_the_start(
    run: Run, bootstrap: Bootstrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "find_spec", lambda name: None if name == "optuna" else name)
    ran = run("serve")
    assert ran.code == 1
    assert "error: the server's parts are not installed here (optuna is missing)" in ran.err
    assert bootstrap.served == []


def test_up_elsewhere(run: Run, bootstrap: Bootstrap, tmp_path: Path) -> None:
    ran = run("up", "--port", "9000", "--data-dir", str(tmp_path / "d"), environ={"BASIN_LOG_LEVEL": "debug"})
    assert "    export BASIN_SERVER=http://127.0.0.1:9000\n" in ran.out
    (settings,) = bootstrap.served
    assert settings.database_url == f"sqlite:///{tmp_path}/d/basin.db"
    assert settings.data_dir == tmp_path / "d"
    assert settings.log_level == "debug"


def test_up_where_the_port_is_taken(
    run: Run, server: FakeServer, bootstrap: Bootstrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "_free", lambda host, port: False)
    monkeypatch.setattr(findings, "held_by", lambda port, proc: "other (process 7)")
    assert run("up").err.startswith("error: Basin is running at http://127.0.0.1:8420 already\n")
    server.plan(problem(404, "not_found", "no"))
    ran = run("up")
    assert ran.code == 1
    assert ran.err.startswith("error: 127.0.0.1:8420 is taken by other (process 7)\nhint: Stop that program")
    assert bootstrap.served == []


def test_migrate(run: Run, bootstrap: Bootstrap) -> None:
    assert run("migrate").out == "The database is at schema 2.\n"
    ran = run("migrate", "--check")
    assert (ran.code, ran.err) == (1, "error: the database is at schema 1, 2 is needed\nhint: basin migrate\n")
    bootstrap.state = SimpleNamespace(found="2", needed="2")
    assert run("migrate", "--check").out == "The database is at schema 2: nothing to do.\n"


def test_config(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "basin.toml").write_text("writer_batch = 7\n")
    environ = {"BASIN_DATABASE_URL": "postgresql://me:geheim@db/x", "BASIN_ALLOWED_HOSTS": "a,b"}
    ran = run("config", environ=environ)
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in ran.out.splitlines()}
    assert rows["database_url"] == "postgresql://me:***@db/x BASIN_DATABASE_URL"
    assert rows["port"] == "8420 default"
    assert rows["allowed_hosts"] == "a, b BASIN_ALLOWED_HOSTS"
    assert rows["writer_batch"].startswith("7 ")
    assert "basin.toml" in rows["writer_batch"]
    shown = json.loads(run("config", "-o", "json", environ=environ).out)
    assert {"name": "port", "value": 8420, "source": "default"} in shown
    assert "geheim" not in json.dumps(shown)
    assert run("config", environ={"BASIN_PORT": "x"}).code == 2


def test_version(run: Run, server: FakeServer) -> None:
    lines = run("version").out.splitlines()
    assert lines[0].startswith("command  ")
    assert lines[1] == "server   1.2, protocol 1, sqlite at schema 7"
    assert json.loads(run("version", "-o", "json").out)["server"]["version"] == "1.2"
