"""A server that needs tokens, from its first start to a revoked token: real processes and databases, replicas."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.server_process import ServerProcess
from tests.patience import PATIENCE

BASIN = [sys.executable, "-m", "service.cli"]
STUDY = {
    "name": "s",
    "objectives": [{"metric": "loss"}],
    "space": {"x": {"type": "float", "low": 0, "high": 1}},
}


def basin(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BASIN_")}
    return subprocess.run(
        [*BASIN, *arguments],
        cwd=folder,
        env={**inherited, "HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def call(server: ServerProcess, method: str, path: str, token: str | None, body: Any = None) -> tuple[int, Any]:
    """Status and body of an answer."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.address + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_from_the_first_start_to_a_revoked_token(tmp_path: Path, database_url: str) -> None:
    environ = {"BASIN_DATABASE_URL": database_url, "BASIN_REQUIRE_TOKENS": "always", "BASIN_PORT": "0"}
    refused = basin(tmp_path, "serve", **environ)
    assert refused.returncode == 1
    assert "basin token create --local --role admin" in refused.stderr
    admin = basin(tmp_path, "token", "create", "--role", "admin", "--name", "first", **environ).stdout.strip()
    with ServerProcess(database_url, tmp_path, require_tokens="always") as server:
        remote = {"BASIN_SERVER": server.address}
        assert call(server, "GET", "/v1/studies", None)[0] == 401
        assert basin(tmp_path, "study", "list", **remote).returncode == 1
        login = basin(tmp_path, "login", server.address, BASIN_TOKEN=admin)
        assert "You are 'first' (admin)" in login.stderr
        assert basin(tmp_path, "study", "list", **remote).returncode == 0
        made = basin(tmp_path, "token", "create", "--role", "worker", "--name", "gpu", "-o", "json", **remote)
        worker = json.loads(made.stdout)
        assert call(server, "POST", "/v1/studies", worker["token"], STUDY)[1]["code"] == "role_missing"
        assert call(server, "POST", "/v1/studies", admin, STUDY)[0] == 201
        beside = basin(tmp_path, "token", "create", "--local", "--role", "viewer", "--name", "v", **environ)
        assert call(server, "GET", "/v1/studies/s", beside.stdout.strip())[0] == 200, "made beside a running server"
        asked = call(server, "POST", "/v1/studies/s:ask", worker["token"], {"worker": "w"})
        assert (asked[0], len(asked[1]["leases"])) == (200, 1)
        assert basin(tmp_path, "token", "revoke", worker["id"], **remote).returncode == 0
        assert call(server, "POST", "/v1/studies/s:ask", worker["token"], {"worker": "w"})[0] == 401
        entries = json.loads(basin(tmp_path, "audit", "-o", "json", **remote).stdout)
        assert [(one["actor"], one["operation"]) for one in entries[::-1]] == [
            ("local", "create_token"),
            ("first", "create_token"),
            ("first", "create_study"),
            ("local", "create_token"),
            ("first", "revoke_token"),
        ]
        server.stop()
        log = server.log.read_text()
    for secret in (admin, worker["token"]):
        assert secret[19:] not in log
    assert f'"token_id": "{worker["id"]}"' in log
    used = json.loads(basin(tmp_path, "token", "list", "--local", "--all", "-o", "json", **environ).stdout)
    assert all(token["last_used_at"] for token in used)


@pytest.mark.parametrize("how", ["api", "local"])
def test_what_is_revoked_at_one_holds_no_longer_at_its_replica(tmp_path: Path, postgres_url: str, how: str) -> None:
    environ = {"BASIN_DATABASE_URL": postgres_url}
    admin = basin(tmp_path, "token", "create", "--role", "admin", "--name", "a", **environ).stdout.strip()
    other = json.loads(
        basin(tmp_path, "token", "create", "--role", "admin", "--name", "b", "-o", "json", **environ).stdout
    )
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    with (
        ServerProcess(postgres_url, folders[0], require_tokens="always") as one,
        ServerProcess(postgres_url, folders[1], require_tokens="always") as two,
    ):
        assert call(two, "GET", "/v1/studies", other["token"])[0] == 200
        if how == "api":
            assert call(one, "DELETE", f"/v1/tokens/{other['id']}", admin)[0] == 204
            assert call(one, "GET", "/v1/studies", other["token"])[0] == 401
        else:
            assert basin(tmp_path, "token", "revoke", other["id"], "--local", **environ).returncode == 0
        deadline = time.monotonic() + 6
        while call(two, "GET", "/v1/studies", other["token"])[0] != 401:
            assert time.monotonic() < deadline, "it still holds after more than five seconds"
        assert call(two, "GET", "/v1/studies", admin)[0] == 200
