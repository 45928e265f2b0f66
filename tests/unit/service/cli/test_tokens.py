"""Tokens from the command line: made, shown, revoked, kept; and the audit log."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import httpx2
import pytest

from service.cli.credentials import Kept
from service.config import Settings
from service.domain.errors import SchemaMismatch, TokenNotFound
from service.wire.token import CreatedToken, NewToken, Token
from tests.unit.service.cli.conftest import Run
from tests.unit.service.cli.fake_server import AT, FakeServer, problem

ID = "3f9c1e0a77b2"
SECRET = f"basin_{ID}_" + "x" * 43
TOKEN: dict[str, Any] = {
    "id": ID,
    "name": "anna",
    "role": "editor",
    "state": "live",
    "created_at": AT,
    "created_by": "local",
    "expires_at": "2026-04-02T00:00:00Z",
    "revoked_at": None,
    "last_used_at": AT,
}
WHO = {"name": "anna", "role": "editor", "token_id": ID, "expires_at": None}
REMOTE = ("--server", "http://gpu-lab:8420", "--token", SECRET)


class Bootstrap(ModuleType):
    """In place of the module that opens the database of this machine."""

    def __init__(self) -> None:
        super().__init__("service.bootstrap")
        self.made: list[tuple[Settings, NewToken]] = []
        self.revoked: list[str] = []
        self.error: Exception | None = None

    def create_token(self, settings: Settings, new: NewToken) -> CreatedToken:
        self._fail()
        self.made.append((settings, new))
        return CreatedToken.model_validate({**TOKEN, "role": new.role, "name": new.name, "token": SECRET})

    def list_tokens(self, settings: Settings) -> Sequence[Token]:
        self._fail()
        return [Token.model_validate(TOKEN)]

    def revoke_token(self, settings: Settings, token_id: str) -> None:
        self._fail()
        self.revoked.append(token_id)

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bootstrap:
    fake = Bootstrap()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "service.bootstrap", fake)
    monkeypatch.setattr(sys.modules["service"], "bootstrap", fake, raising=False)
    return fake


def sent(server: FakeServer) -> list[tuple[str, str, str | None]]:
    return [(one.method, one.url.path, one.headers.get("authorization")) for one in server.requests]


class TestCreate:
    """`basin token create`."""

    def test_the_first_one_is_made_in_the_database(self, run: Run, server: FakeServer, bootstrap: Bootstrap) -> None:
        ran = run("token", "create", "--role", "admin", "--name", "anna", "--expires", "90d")
        assert ran.code == 0
        assert ran.out == f"{SECRET}\n", "nothing else, so that it can go into a file"
        assert "Made in sqlite:///basin-data/basin.db." in ran.err
        assert "shown this once" in ran.err
        assert f"basin token revoke {ID}" in ran.err
        assert SECRET not in ran.err
        ((settings, new),) = bootstrap.made
        assert settings.database_url == "sqlite:///basin-data/basin.db"
        assert (new.role, new.name, new.expires_in) == ("admin", "anna", 90 * 86_400)
        assert server.requests == []

    def test_the_password_of_the_database_is_not_shown(self, run: Run, bootstrap: Bootstrap) -> None:
        environ = {"BASIN_DATABASE_URL": "postgresql://me:geheim@db/x"}
        ran = run("token", "create", "--role", "admin", "--name", "a", environ=environ)
        assert "postgresql://me:***@db/x" in ran.err
        assert "geheim" not in ran.err

    def test_with_a_token_or_a_server_it_is_asked_of_the_server(
        self, run: Run, server: FakeServer, bootstrap: Bootstrap
    ) -> None:
        for given, environ in ((REMOTE, {}), ((), {"BASIN_SERVER": "http://gpu-lab:8420"}), ((), {"BASIN_TOKEN": "t"})):
            server.plan(httpx2.Response(201, json={**TOKEN, "token": SECRET}))
            ran = run("token", "create", "--role", "worker", "--name", "w", *given, environ=environ)
            assert (ran.code, ran.out) == (0, f"{SECRET}\n")
        assert server.bodies[0] == {"role": "worker", "name": "w"}
        assert sent(server)[0] == ("POST", "/v1/tokens", f"Bearer {SECRET}")
        assert bootstrap.made == []
        assert run("token", "create", "--role", "worker", "--name", "w", "--local", *REMOTE).code == 0
        assert len(bootstrap.made) == 1

    def test_as_json(self, run: Run, bootstrap: Bootstrap) -> None:
        ran = run("token", "create", "--role", "viewer", "--name", "v", "-o", "json")
        assert json.loads(ran.out)["token"] == SECRET

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (("--role", "viewer", "--name", ""), "name: must not be empty"),
            (("--role", "viewer", "--name", "x", "--expires", "soon"), "expires_in: must be seconds or a duration"),
            (("--role", "root", "--name", "x"), "viewer"),
            (("--name", "x"), "--role"),
        ],
    )
    def test_a_bad_wish(self, run: Run, bootstrap: Bootstrap, given: tuple[str, ...], said: str) -> None:
        ran = run("token", "create", *given)
        assert ran.code == 2
        assert said in ran.err
        assert bootstrap.made == []

    def test_a_database_that_is_not_ready(self, run: Run, bootstrap: Bootstrap) -> None:
        bootstrap.error = SchemaMismatch("run 'basin migrate'")
        ran = run("token", "create", "--role", "admin", "--name", "a")
        assert (ran.code, ran.err) == (1, "error: run 'basin migrate'\n")


class TestListAndRevoke:
    """`basin token list` and `revoke`."""

    def test_a_table(self, run: Run, server: FakeServer) -> None:
        ended = {**TOKEN, "id": "0" * 12, "name": "old", "state": "revoked", "expires_at": None, "last_used_at": None}
        server.plan(*[httpx2.Response(200, json={"tokens": [TOKEN, ended]}) for _ in range(2)])
        lines = run("token", "list", *REMOTE).out.splitlines()
        assert lines[0].split() == ["ID", "NAME", "ROLE", "STATE", "EXPIRES", "USED"]
        assert lines[1].split() == [ID, "anna", "editor", "live", "2026-04-02", "3", "min", "ago"]
        assert len(lines) == 2
        assert run("token", "list", "--all", *REMOTE).out.splitlines()[2].split()[-2:] == ["never", "never"]

    def test_here(self, run: Run, server: FakeServer, bootstrap: Bootstrap) -> None:
        assert json.loads(run("token", "list", "--local", "-o", "json").out)[0]["id"] == ID
        assert run("token", "revoke", ID, "--local").err == f"Token {ID} holds no longer.\n"
        assert bootstrap.revoked == [ID]
        assert server.requests == []
        bootstrap.error = TokenNotFound()
        assert run("token", "revoke", ID, "--local").code == 1

    def test_a_token_that_leaked_is_revoked_by_all_of_it(self, run: Run, server: FakeServer) -> None:
        server.plan(httpx2.Response(204), problem(404, "token_not_found", "There is no token of this id."))
        ran = run("token", "revoke", SECRET, *REMOTE)
        assert ran.code == 0
        assert server.requests[0].url.path == f"/v1/tokens/{ID}"
        assert SECRET not in ran.err
        gone = run("token", "revoke", ID, *REMOTE)
        assert (gone.code, "basin token list" in gone.err) == (3, True)


class TestLogin:
    """`basin login` and `logout`, and where a token is taken from."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> dict[str, str]:
        return {"HOME": str(tmp_path)}

    def test_from_login_to_logout(self, run: Run, server: FakeServer, home: dict[str, str], tmp_path: Path) -> None:
        server.plan(httpx2.Response(200, json=WHO))
        ran = run("login", "https://gpu-lab/", environ=home, stdin=f"{SECRET}\n")
        assert ran.code == 0
        assert "You are 'anna' (editor) at https://gpu-lab." in ran.err
        assert "warning" not in ran.err
        assert SECRET not in ran.out + ran.err
        path = tmp_path / ".config/basin/tokens.json"
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert json.loads(path.read_text()) == {"https://gpu-lab": SECRET}
        run("study", "list", "--server", "https://gpu-lab", environ=home)
        run("study", "list", "--server", "http://other", environ=home)
        assert sent(server)[1:] == [("GET", "/v1/studies", f"Bearer {SECRET}"), ("GET", "/v1/studies", None)]
        assert run("logout", "https://GPU-LAB", environ=home).err == "Forgotten: the token for https://GPU-LAB.\n"
        assert run("logout", "https://gpu-lab", environ=home).err.startswith("There was none")
        run("study", "list", "--server", "https://gpu-lab", environ=home)
        assert sent(server)[-1][2] is None

    def test_a_token_that_does_not_hold_is_not_kept(
        self, run: Run, server: FakeServer, home: dict[str, str], tmp_path: Path
    ) -> None:
        server.plan(problem(401, "token_invalid", "this token has expired"))
        ran = run("login", "https://gpu-lab", environ=home, stdin="x\n")
        assert (ran.code, ran.err.splitlines()[0]) == (1, "error: this token has expired")
        assert not (tmp_path / ".config").exists()

    def test_plain_http_over_a_network_is_warned_of(self, run: Run, server: FakeServer, home: dict[str, str]) -> None:
        for url, warned in (("http://gpu-lab:8420", True), ("http://127.0.0.1:8420", False)):
            server.plan(httpx2.Response(200, json=WHO))
            ran = run("login", url, "--token", "t", environ=home)
            assert ("warning: this address is not https" in ran.err) is warned

    def test_nothing_to_log_in_with(self, run: Run, home: dict[str, str]) -> None:
        assert run("login", "https://gpu-lab", environ=home).err.startswith("error: no token was given")
        assert run("login", "gpu-lab", environ=home, stdin="x").err.startswith("error: gpu-lab: must be a URL")

    def test_nowhere_to_keep_it(self, run: Run, server: FakeServer) -> None:
        server.plan(httpx2.Response(200, json=WHO))
        assert run("login", "https://gpu-lab", stdin="x").err.startswith("error: there is no folder to keep a token in")

    def test_what_others_can_read_is_not_used(self, run: Run, home: dict[str, str], tmp_path: Path) -> None:
        path = tmp_path / ".config/basin/tokens.json"
        path.parent.mkdir(parents=True)
        path.write_text("{}")
        path.chmod(0o644)
        ran = run("study", "list", environ=home)
        assert ran.code == 1
        assert "can be read by others than you" in ran.err
        assert "hint: chmod 600" in ran.err
        path.chmod(0o600)
        path.write_text("not json")
        assert "cannot be read" in run("study", "list", environ=home).err

    def test_which_token_wins(self, run: Run, server: FakeServer, home: dict[str, str], tmp_path: Path) -> None:
        server.plan(httpx2.Response(200, json=WHO))
        run("login", "--token", "kept", environ=home)
        for name in ("option", "variable"):
            (tmp_path / name).write_text(f"file-{name}\n")
        environ = {**home, "BASIN_TOKEN_FILE": str(tmp_path / "variable")}
        run("study", "list", environ=home)
        run("study", "list", environ=environ)
        run("study", "list", environ={**environ, "BASIN_TOKEN": "named"})
        option = ("--token-file", str(tmp_path / "option"))
        run("study", "list", *option, environ={**environ, "BASIN_TOKEN": "named"})
        run("study", "list", "--token", "given", *option, environ=environ)
        given = [authorization for _, _, authorization in sent(server)[1:]]
        wanted = ("kept", "file-variable", "named", "file-option", "given")
        assert given == [f"Bearer {token}" for token in wanted]

    def test_a_token_file_that_is_none(self, run: Run, tmp_path: Path) -> None:
        ran = run("study", "list", "--token-file", str(tmp_path / "none"))
        assert (ran.code, "--token-file" in ran.err, "No such file" in ran.err) == (2, True, True)
        (tmp_path / "two").write_text("a b")
        ran = run("study", "list", environ={"BASIN_TOKEN_FILE": str(tmp_path / "two")})
        assert ran.err.startswith("error: BASIN_TOKEN_FILE ")
        assert "must hold one token" in ran.err


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (401, "token_missing", "basin login URL"),
        (401, "token_invalid", "Ask whoever runs the server"),
        (403, "role_missing", "an admin makes one of another role"),
    ],
)
def test_refusals_say_what_to_do(run: Run, server: FakeServer, status: int, code: str, hint: str) -> None:
    server.plan(problem(status, code, "no", hint="of the API"))
    ran = run("study", "list")
    assert ran.code == 1
    assert ran.err.startswith("error: no\nhint: ")
    assert hint in ran.err
    assert "of the API" not in ran.err


def test_up_beside_a_server_that_wants_a_token(
    run: Run, server: FakeServer, bootstrap: Bootstrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.cli import findings

    monkeypatch.setattr(findings, "_free", lambda host, port: False)
    monkeypatch.setattr(findings, "held_by", lambda port, proc: "other (process 7)")
    server.plan(problem(401, "token_missing", "no"))
    assert run("up").err.startswith("error: Basin is running at http://127.0.0.1:8420 already\n")


class TestAudit:
    """`basin audit`."""

    ENTRY: ClassVar[dict[str, Any]] = {
        "id": 7,
        "at": AT,
        "actor": "anna",
        "token_id": ID,
        "role": "editor",
        "request_id": "r1",
        "operation": "stop_study",
        "object": "studies/digits",
        "detail": {"running": "finish", "fields": ["a", "b"], "none": None},
    }

    def answer(self, *entries: dict[str, Any], more: str | None = None) -> httpx2.Response:
        return httpx2.Response(200, json={"entries": list(entries), "next_page_token": more})

    def test_a_table(self, run: Run, server: FakeServer) -> None:
        by_itself = {**self.ENTRY, "actor": "system", "token_id": None, "role": None, "detail": {}}
        server.plan(self.answer(self.ENTRY, by_itself))
        lines = run("audit").out.splitlines()
        assert lines[0].split() == ["TIME", "WHO", "DID", "WHAT", "DETAIL"]
        assert " ".join(lines[1].split()) == (
            "2026-01-02 03:04:05 anna (editor) stop_study studies/digits running finish, fields a, b"
        )
        assert " ".join(lines[2].split()) == "2026-01-02 03:04:05 system stop_study studies/digits"

    def test_filters(self, run: Run, server: FakeServer) -> None:
        server.plan(self.answer(self.ENTRY, more="next"))
        ran = run("audit", "--actor", "anna", "--object", "studies/x", "--since", "2m", "--limit", "1", "-o", "json")
        assert json.loads(ran.out) == [self.ENTRY]
        query = dict(server.requests[0].url.params)
        assert query == {
            "actor": "anna",
            "object": "studies/x",
            "since": "2026-01-02T03:05:05+00:00",
            "page_size": "1",
        }

    def test_there_is_more(self, run: Run, server: FakeServer) -> None:
        server.plan(self.answer(self.ENTRY, more="next"))
        assert "There are more than these 1" in run("audit", "--limit", "1").err

    @pytest.mark.parametrize(
        ("given", "sent"),
        [("2026-01-31", "2026-01-31T00:00:00"), ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00+00:00")],
    )
    def test_times(self, run: Run, server: FakeServer, given: str, sent: str) -> None:
        server.plan(self.answer())
        assert run("audit", "--since", given).code == 0
        assert server.requests[0].url.params["since"] == sent

    def test_a_time_that_is_none(self, run: Run, server: FakeServer) -> None:
        ran = run("audit", "--since", "yesterday")
        assert ran.code == 2
        assert ran.err.startswith("error: --since yesterday: must be a time")
        assert server.requests == []


def test_a_home_that_is_somebody_elses_holds_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user has another one's HOME."""

    def refused(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refused)
    assert Kept({"HOME": "/root"}).get("http://127.0.0.1:8420") is None
