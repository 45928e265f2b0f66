"""A database that goes away and comes back: the server says so, loses nothing, and needs no restart."""

import json
import sqlite3
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from service.store import migrating
from service.store.engine import connect, parse
from service.wire.study import DEFINITION_EXAMPLE
from tests.acceptance.server_process import ServerProcess
from tests.conformance.postgres import PostgresServer
from tests.patience import PATIENCE


def create(server: ServerProcess, name: str) -> tuple[int, dict[str, Any], str | None]:
    """Try to create a study: the status, the body, and Retry-After."""
    body = json.dumps({**DEFINITION_EXAMPLE, "name": name}).encode()
    request = urllib.request.Request(server.address + "/v1/studies", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer), answer.headers["retry-after"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), error.headers["retry-after"]


def names(server: ServerProcess) -> set[str]:
    with urllib.request.urlopen(server.address + "/v1/studies", timeout=PATIENCE) as answer:
        return {study["name"] for study in json.load(answer)["studies"]}


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_postgres_that_was_away_is_served_again(postgres_server: PostgresServer, tmp_path: Path, way: str) -> None:
    with ServerProcess(postgres_server.url(), tmp_path) as server:
        assert create(server, "before")[0] == 201
        getattr(postgres_server, way)()
        status, problem, retry_after = create(server, "meanwhile")
        assert (status, problem["code"]) == (503, "store_unavailable")
        assert retry_after is not None
        assert problem["request_id"]
        server.wait_until("/readyz", 503)
        assert server.status("/healthz") == 200
        assert server.status("/v1/studies") == 503
        postgres_server.start()
        server.wait_until("/readyz")
        assert create(server, "after")[0] == 201
        assert names(server) == {"before", "after"}
        assert server.stop() == 0


def test_a_locked_sqlite_file_is_served_again(tmp_path: Path) -> None:
    path = tmp_path / "basin.db"
    with ServerProcess(f"sqlite:///{path}", tmp_path) as server:
        with sqlite3.connect(path, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            status, problem, retry_after = create(server, "meanwhile")
            assert (status, problem["code"]) == (503, "store_unavailable")
            assert retry_after is not None
            assert names(server) == set(), "reads go on while another program writes"
            other.execute("ROLLBACK")
        other.close()
        assert create(server, "after")[0] == 201


def test_a_server_that_starts_before_its_database_waits_for_it(postgres_server: PostgresServer, tmp_path: Path) -> None:
    postgres_server.stop()
    server = ServerProcess(postgres_server.url(), tmp_path)
    server.start(ready=False)
    try:
        postgres_server.start()
        server.wait_until("/readyz")
    finally:
        server.kill()


def test_a_newer_schema_is_refused_at_the_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/basin.db"
    migrating.migrate(parse(url))
    engine = connect(parse(url))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    server = ServerProcess(url, tmp_path)
    with pytest.raises(AssertionError, match="written by a newer version"):
        server.start()
