"""The doctor: what it finds, and what it says to do."""

import json
import subprocess
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest

from service.cli import doctor, findings
from service.domain.errors import StoreUnavailable
from tests.unit.service.cli.conftest import Ran, Run
from tests.unit.service.cli.fake_server import FakeServer, problem
from tests.unit.service.cli.test_serve import Bootstrap, bootstrap  # noqa: F401  # a fixture

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home rw - nfs4 server:/home rw
31 30 8:2 / /home/me/fast rw - xfs /dev/sdb rw
32 22 0:50 / /mnt/with\\040space rw - fuse.sshfs x rw
"""


def line(ran: Ran, what: str) -> dict[str, str]:
    return next(finding for finding in json.loads(ran.out) if finding["what"] == what)


# --- single findings


def test_python() -> None:
    assert findings.python((3, 11, 2)).level == "ok"
    assert findings.python((3, 10, 9)).level == "fail"
    assert findings.python().level == "ok"


@pytest.mark.parametrize(("free", "level"), [(10**6, "fail"), (5 * 10**8, "warn"), (10**11, "ok")])
def test_disk(free: int, level: str) -> None:
    assert findings.disk(Path("/data"), free).level == level


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/x", "ext4"),
        ("/home/me", "nfs4"),
        ("/home/me/fast/x", "xfs"),
        ("/home/mellow", "nfs4"),
        ("/mnt/with space/x", "fuse.sshfs"),
    ],
)
def test_file_systems(folder: str, kind: str) -> None:
    assert findings.mounted_as(Path(folder), MOUNTS) == kind


def test_network_file_systems_are_not_for_sqlite() -> None:
    assert findings.file_system(Path("/home/me"), MOUNTS, sqlite=True).level == "fail"
    assert findings.file_system(Path("/home/me"), MOUNTS, sqlite=False).level == "warn"
    assert findings.file_system(Path("/data"), MOUNTS, sqlite=True).level == "ok"
    assert findings.file_system(Path("/data"), "odd\n", sqlite=True).said == "/data"


def test_who_has_a_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "_free", lambda host, number: False)
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(
        head
        + "   0: 0100007F:20E4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n"
        + "   1: 0100007F:1234 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1\n"
    )
    for number, inode in ((11, 4712), (12, 4711)):
        (tmp_path / f"{number}/fd").mkdir(parents=True)
        (tmp_path / f"{number}/fd/3").symlink_to(f"socket:[{inode}]")
        (tmp_path / f"{number}/comm").write_text(f"program{number}\n")
    (tmp_path / "13").mkdir()
    finding = findings.port("127.0.0.1", 8420, basin=False, proc=tmp_path)
    assert (finding.level, finding.said) == ("warn", "127.0.0.1:8420 is taken by program12 (process 12)")
    assert findings.port("127.0.0.1", 1, basin=False, proc=tmp_path).said == "127.0.0.1:1 is taken"
    assert findings.port("127.0.0.1", 8420, basin=True, proc=tmp_path).level == "ok"
    assert findings.port("127.0.0.1", 0, basin=False, proc=tmp_path).said == "any free one"


def test_torch() -> None:
    def missing(_: str) -> str:
        raise PackageNotFoundError

    assert findings.torch(lambda _: "2.13").said == "2.13"
    assert findings.torch(missing).level == "ok"


def test_gpus() -> None:
    def broken(_: object) -> str:
        raise subprocess.CalledProcessError(9, "nvidia-smi")

    two = "NVIDIA H200, 143771 MiB, 570.1\n" * 2
    assert findings.gpus(lambda _: two).said == "2: NVIDIA H200, 143771 MiB, 570.1"
    assert findings.gpus(lambda _: "\n").level == "ok"
    assert findings.gpus(broken).level == "warn"


def test_open_files() -> None:
    assert findings.open_files(256, -1).level == "warn"
    assert findings.open_files(65_536, -1).said == "65,536"
    assert findings.open_files(-1, -1).said == "unlimited"


# --- the whole


@pytest.fixture
def healthy(bootstrap: Bootstrap, monkeypatch: pytest.MonkeyPatch) -> Bootstrap:  # noqa: F811
    bootstrap.state = SimpleNamespace(found="2", needed="2")
    monkeypatch.setattr(doctor, "own_version", lambda: "1.2")
    monkeypatch.setattr(findings, "gpus", lambda: findings.Finding("ok", "GPUs", "none"))
    return bootstrap


def test_all_is_well(run: Run, healthy: Bootstrap, server: FakeServer) -> None:
    ran = run("doctor")
    assert ran.code == 0, ran.out
    assert ran.err == "\nNothing failed; look at the warnings.\n"
    assert "ok    server       version 1.2, protocol 1, sqlite" in ran.out
    assert {finding["level"] for finding in json.loads(run("doctor", "-o", "json").out)} <= {"ok", "warn"}


def test_no_server_matters_only_if_one_was_named(run: Run, healthy: Bootstrap, server: FakeServer) -> None:
    server.plan(httpx2.ConnectError("refused"))
    assert line(run("doctor", "-o", "json"), "server")["level"] == "warn"
    server.plan(httpx2.ConnectError("refused"))
    ran = run("doctor", "-o", "json", "--server", "http://lab:1")
    assert (ran.code, line(ran, "server")["level"]) == (1, "fail")
    server.plan(problem(500, "internal", "broken"))
    assert run("doctor", environ={"BASIN_SERVER": "http://lab:1"}).code == 1


def test_other_versions(run: Run, healthy: Bootstrap, server: FakeServer) -> None:
    version = {"version": "9", "protocol": 1, "database": "sqlite"}
    server.plan(httpx2.Response(200, json=version))
    assert line(run("doctor", "-o", "json"), "server")["level"] == "warn"
    server.plan(httpx2.Response(200, json={**version, "protocol": 2}))
    ran = run("doctor", "-o", "json")
    assert (ran.code, line(ran, "server")["advice"]) == (
        1,
        "This command speaks protocol 1: install the server's version.",
    )


def test_clocks(run: Run, healthy: Bootstrap, server: FakeServer) -> None:
    assert line(run("doctor", "-o", "json"), "clock") == {
        "level": "warn",
        "what": "clock",
        "said": "3m apart from the server's",
        "advice": "Leases do not depend on it, but times in lists are off: use NTP.",
    }
    version = {"version": "1.2", "protocol": 1, "database": "sqlite"}
    server.plan(httpx2.Response(200, json=version, headers={"Date": "Fri, 02 Jan 2026 03:07:04 GMT"}))
    assert line(run("doctor", "-o", "json"), "clock")["level"] == "ok"


@pytest.mark.parametrize(
    ("found", "url", "level", "said"),
    [
        (None, "sqlite:///x/b.db", "ok", "not there yet, made when a server starts"),
        ("1", "sqlite:///x/b.db", "ok", "schema 1, migrated when a server starts"),
        ("1", "postgresql://me:geheim@db/x", "fail", "postgresql://me:***@db/x: schema 1, needs 2"),
    ],
)
def test_databases(run: Run, healthy: Bootstrap, found: str | None, url: str, level: str, said: str) -> None:
    healthy.state = SimpleNamespace(found=found, needed="2")
    database = line(run("doctor", "-o", "json", environ={"BASIN_DATABASE_URL": url}), "database")
    assert database["level"] == level
    assert said in database["said"]


def test_a_database_that_does_not_open(run: Run, healthy: Bootstrap) -> None:
    healthy.error = StoreUnavailable("the database does not answer: refused")
    ran = run("doctor", "-o", "json")
    assert (ran.code, line(ran, "database")["level"]) == (1, "fail")
    healthy.error = ModuleNotFoundError("x", name="sqlalchemy")
    assert line(run("doctor", "-o", "json"), "database")["level"] == "warn"


def test_settings_that_are_wrong(run: Run, healthy: Bootstrap) -> None:
    ran = run("doctor", "-o", "json", environ={"BASIN_PORT": "x"})
    assert (ran.code, line(ran, "settings")["level"]) == (1, "fail")


def test_a_server_that_wants_a_token(run: Run, healthy: Bootstrap, server: FakeServer) -> None:
    server.plan(problem(401, "token_missing", "This server wants a token with every request."))
    ran = run("doctor", "-o", "json")
    finding = line(ran, "server")
    assert (ran.code, finding["level"]) == (1, "fail")
    assert finding["said"] == "This server wants a token with every request."
    assert "basin login URL" in finding["advice"]
