"""Credentials at the door: tokens, sessions of browsers, wrong ones, and what is said of them where."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from service.domain.errors import StoreUnavailable
from service.http.throttle import AT_ONCE
from service.store.memory import MemoryStore
from service.usecases.ports import Transaction
from tests.unit.service.http.admitting import HOST, bearer, put_token, secret
from tests.unit.service.http.api import STUDY, Api
from tests.unit.service.http.asgi import Exchange


@pytest.fixture
def guarded(make_api: Callable[..., Api], store: MemoryStore) -> Api:
    put_token(store, 3, "admin")
    return make_api(needs_tokens=True)


ADMIN = bearer(secret(3))


def cookie_of(response: httpx2.Response) -> tuple[str, list[str]]:
    """The cookie that an answer sets, and its attributes."""
    pair, *attributes = [part.strip() for part in response.headers["set-cookie"].split(";")]
    return pair, attributes


def log_in(api: Api, number: int = 3) -> str:
    """A session's cookie."""
    response = api.post("/v1/session", {"token": secret(number)})
    assert response.status_code == 200
    return cookie_of(response)[0]


class TestLoopback:
    """A server that needs no tokens."""

    def test_whoever_is_there_may_do_all(self, api: Api) -> None:
        assert api.ok("GET", "/v1/session") == {"name": "local", "role": "admin", "token_id": None, "expires_at": None}
        api.study()
        (entry,) = api.ok("GET", "/v1/audit")["entries"]
        assert (entry["actor"], entry["role"], entry["token_id"]) == ("local", "admin", None)

    def test_a_trusted_network_is_called_so(self, make_api: Callable[..., Api]) -> None:
        api = make_api(host="0.0.0.0", trust_network=True)
        api.study()
        assert [entry["actor"] for entry in api.ok("GET", "/v1/audit")["entries"]] == ["network"]

    def test_a_token_that_is_there_is_taken_at_its_word(self, api: Api, store: MemoryStore) -> None:
        viewer = bearer(put_token(store, 1, "viewer"))
        assert api.refused("POST", "/v1/studies", STUDY, headers=viewer)[:2] == (403, "role_missing")
        assert api.ok("GET", "/v1/session", headers=viewer)["name"] == "viewer-1"

    @pytest.mark.parametrize("value", ["Bearer x", "bearer basin_", f"Bearer {secret(9)}", "Bearer  "])
    def test_a_wrong_token_is_refused_also_here(self, api: Api, value: str) -> None:
        assert api.refused("GET", "/v1/studies", headers={"authorization": value})[:2] == (401, "token_invalid")

    def test_what_another_server_has_asked_the_browser_to_keep_says_nothing(self, api: Api) -> None:
        cookie = {"cookie": "basin_session=of-another-port; theme=dark"}
        assert api.ok("GET", "/v1/session", headers=cookie)["name"] == "local"

    def test_no_token_costs_no_look_at_tokens(self, make_api: Callable[..., Api]) -> None:
        class Broken(MemoryStore):
            async def read(self, work: Callable[..., Any]) -> Any:
                raise AssertionError("nobody has shown a token")

        assert make_api(store=Broken()).ok("GET", "/v1/version")


class TestTokens:
    """A server that needs them."""

    def test_other_kinds_of_credentials_are_none(self, guarded: Api) -> None:
        for value in ("Basic YTpi", "Token x", "basin", ""):
            answer = guarded.refused("GET", "/v1/studies", headers={"authorization": value})
            assert answer[:2] == (401, "token_missing")

    def test_a_token_is_made_used_and_revoked(self, guarded: Api) -> None:
        made = guarded.ok("POST", "/v1/tokens", {"name": "anna", "role": "editor", "expires_in": "90d"}, headers=ADMIN)
        assert (made["name"], made["role"], made["state"], made["created_by"]) == ("anna", "editor", "live", "admin-3")
        assert made["token"].startswith(f"basin_{made['id']}_")
        anna = bearer(made["token"])
        assert guarded.ok("GET", "/v1/session", headers=anna)["expires_at"] == made["expires_at"]
        assert guarded.call("POST", "/v1/studies", STUDY, headers=anna).status_code == 201
        listed = guarded.call("GET", "/v1/tokens", headers=ADMIN)
        assert made["token"] not in listed.text
        assert [one["name"] for one in listed.json()["tokens"]] == ["anna", "admin-3"]
        for _ in range(2):
            assert guarded.call("DELETE", f"/v1/tokens/{made['id']}", headers=ADMIN).status_code == 204
            refused = guarded.refused("GET", "/v1/studies", headers=anna)
            assert refused[:2] == (401, "token_invalid")
            assert "revoked" in refused[2]["detail"]
        states = {one["name"]: one["state"] for one in guarded.ok("GET", "/v1/tokens", headers=ADMIN)["tokens"]}
        assert states == {"anna": "revoked", "admin-3": "live"}

    def test_a_token_that_is_not_there(self, guarded: Api) -> None:
        answer = guarded.refused("DELETE", "/v1/tokens/0000000000ff", headers=ADMIN)
        assert answer[:2] == (404, "token_not_found")
        assert guarded.refused("DELETE", "/v1/tokens/x", headers=ADMIN)[2]["errors"][0]["field"] == "token_id"

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"role": "root"}, "role"),
            ({"name": ""}, "name"),
            ({"name": "a\nb"}, "name"),
            ({"name": "system"}, "name"),
            ({"name": "Local"}, "name"),
            ({"name": "x" * 101}, "name"),
            ({"expires_in": "soon"}, "expires_in"),
            ({"expires_in": 0}, "expires_in"),
            ({"scope": "all"}, "scope"),
        ],
    )
    def test_a_bad_wish(self, guarded: Api, change: dict[str, Any], field: str) -> None:
        body = {"name": "x", "role": "viewer", **change}
        status, _, problem = guarded.refused("POST", "/v1/tokens", body, headers=ADMIN)
        assert (status, [error["field"] for error in problem["errors"]]) == (422, [field])

    def test_a_report_costs_no_look_at_tokens(self, guarded: Api, store: MemoryStore) -> None:
        worker = bearer(put_token(store, 4, "worker"))
        guarded.ok("POST", "/v1/studies", STUDY, headers=ADMIN)
        guarded.ok("POST", "/v1/studies/s/trials", {"params": {"lr": 0.1, "optimizer": "adamw"}}, headers=ADMIN)
        guarded.ok("POST", "/v1/studies/s:ask", {"worker": "w"}, headers=worker)
        reads = 0
        real = store.read

        async def counted(work: Callable[[Transaction], Any]) -> Any:
            nonlocal reads
            reads += 1
            return await real(work)

        store.read = counted  # type: ignore[method-assign]
        for seq in range(1, 101):
            body = {"token": 1, "first_seq": seq, "points": [{"step": seq, "metrics": {"loss": 1.0}}]}
            guarded.ok("POST", "/v1/studies/s/trials/0/attempts/1:report", body, headers=worker)
        # One in a second or so, however many reports there are.
        assert reads < 10

    def test_a_database_that_is_away_is_no_wrong_token(self, make_api: Callable[..., Api]) -> None:
        class Away(MemoryStore):
            async def read(self, work: Callable[..., Any]) -> Any:
                raise StoreUnavailable

        api = make_api(store=Away(), needs_tokens=True)
        assert api.refused("GET", "/v1/studies", headers=ADMIN)[:2] == (503, "store_unavailable")
        assert api.ok("GET", "/healthz", headers=ADMIN)["status"] == "ok"

    def test_any_name_may_be_used_where_tokens_are_needed(
        self, make_api: Callable[..., Api], store: MemoryStore
    ) -> None:
        put_token(store, 3, "admin")
        elsewhere = {**ADMIN, "host": "gpu-lab:8420"}
        assert make_api(host="0.0.0.0", needs_tokens=True).get("/v1/studies", headers=elsewhere).status_code == 200
        assert make_api(needs_tokens=True).get("/v1/studies", headers=elsewhere).status_code == 421

    def test_a_stream_of_events_ends_with_its_token(self, make_api: Callable[..., Api], store: MemoryStore) -> None:
        put_token(store, 1, "viewer")
        put_token(store, 3, "admin")
        api = make_api(needs_tokens=True, keep_alive_seconds=0.02)

        async def follow() -> list[bytes]:
            stream = Exchange(api.app, "GET", "/v1/events", headers=bearer(secret(1)))
            stream.give()
            assert (await stream.start())[0] == 200
            seen = [await stream.piece(), await stream.piece()]
            revoke = Exchange(api.app, "DELETE", "/v1/tokens/000000000001", headers=ADMIN)
            revoke.give()
            assert (await revoke.start())[0] == 204
            async with asyncio.timeout(100):
                while (piece := await stream.piece()) is not None:
                    seen.append(piece)
            await stream.end()
            return [piece for piece in seen if piece]

        pieces = api.run(follow())
        assert pieces[0].startswith(b"retry:")
        assert pieces[1] == b": still here\n\n"


class TestFailures:
    """Wrong tokens are counted and logged."""

    def test_too_many_wrong_tokens(self, guarded: Api) -> None:
        wrong = bearer(secret(99))
        codes = [guarded.refused("GET", "/v1/studies", headers=wrong)[1] for _ in range(AT_ONCE + 2)]
        assert codes == ["token_invalid"] * AT_ONCE + ["too_many_failures"] * 2
        response = guarded.get("/v1/studies", headers=wrong)
        assert (response.status_code, response.headers["retry-after"]) == (429, "10")
        assert guarded.get("/v1/studies", headers=ADMIN).status_code == 200, "who has a token is not kept out"
        body = {"token": secret(99)}
        assert guarded.refused("POST", "/v1/session", body)[:2] == (429, "too_many_failures")

    def test_guessing_costs_the_database_little(self, guarded: Api, store: MemoryStore) -> None:
        reads = 0
        real = store.read

        async def counted(work: Callable[[Transaction], Any]) -> Any:
            nonlocal reads
            reads += 1
            return await real(work)

        store.read = counted  # type: ignore[method-assign]
        for number in range(100, 200):
            guarded.refused("GET", "/v1/studies", headers=bearer(secret(number)))
        assert reads <= AT_ONCE + 3

    def test_a_failure_is_logged_with_the_public_id_alone(self, guarded: Api, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            guarded.refused("GET", "/v1/studies", headers=bearer(secret(99)))
            guarded.refused("GET", "/v1/studies", headers=bearer("hunter2-hunter2"))
            guarded.refused("POST", "/v1/session", {"token": secret(98)})
        told = [record for record in caplog.records if record.name == "service.http.gate"]
        assert [vars(record)["token_id"] for record in told] == ["000000000063", "none", "000000000062"]
        assert all(vars(record)["address"] == "127.0.0.1" for record in told)
        everything = "".join(f"{record.getMessage()}{vars(record)}" for record in caplog.records)
        for number in (98, 99):
            assert secret(number)[19:] not in everything
        assert "hunter2" not in everything

    def test_answers_never_hold_the_secret(self, guarded: Api) -> None:
        for response in (
            guarded.get("/v1/studies", headers=bearer(secret(99))),
            guarded.post("/v1/session", {"token": secret(98)}),
            guarded.post("/v1/session", {"token": "x" * 201}),
            guarded.get("/v1/audit", headers=ADMIN),
        ):
            assert secret(99)[19:] not in response.text
            assert secret(98)[19:] not in response.text
            assert "xxx" not in response.text


class TestSessions:
    """Browsers that have logged in."""

    def test_the_cookie(self, guarded: Api) -> None:
        response = guarded.post("/v1/session", {"token": secret(3)})
        pair, attributes = cookie_of(response)
        assert pair.startswith("basin_session=")
        assert len(pair) == len("basin_session=") + 64
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
        assert "Secure" not in attributes, "a browser would not send it back over http"
        assert response.json()["name"] == "admin-3"
        assert secret(3)[19:] not in response.headers["set-cookie"]

    def test_the_cookie_is_secure_on_https(self, guarded: Api) -> None:
        response = guarded.call("POST", f"{HOST.replace('http', 'https')}/v1/session", {"token": secret(3)})
        assert "Secure" in cookie_of(response)[1]

    def test_it_is_kept_as_a_hash(self, guarded: Api, store: MemoryStore) -> None:
        value = log_in(guarded).partition("=")[2]
        (kept,) = asyncio.run(store.read(lambda tx: tx.sessions.list()))
        assert value not in repr(kept)

    def test_who_has_logged_in_is_whom_the_token_names(self, guarded: Api, store: MemoryStore) -> None:
        put_token(store, 1, "viewer")
        cookie = {"cookie": f"theme=dark; {log_in(guarded, 1)}"}
        assert guarded.ok("GET", "/v1/session", headers=cookie)["role"] == "viewer"
        assert guarded.ok("GET", "/v1/studies", headers=cookie)["studies"] == []
        own = {**cookie, "origin": HOST}
        assert guarded.refused("POST", "/v1/studies", STUDY, headers=own)[:2] == (403, "role_missing")

    @pytest.mark.parametrize(
        "origin", [None, "null", "http://evil.example", "http://localhost:3000", "http://127.0.0.1:8420"]
    )
    def test_a_change_must_come_from_a_page_of_the_server(self, guarded: Api, origin: str | None) -> None:
        cookie = {"cookie": log_in(guarded), **({"origin": origin} if origin else {})}
        for method, path, body in (
            ("POST", "/v1/studies", STUDY),
            ("POST", "/v1/tokens", {"name": "x", "role": "admin"}),
            ("DELETE", "/v1/session", None),
        ):
            assert guarded.refused(method, path, body, headers=cookie)[:2] == (403, "origin_not_allowed")
        assert guarded.get("/v1/studies", headers=cookie).status_code == 200
        own = {**cookie, "origin": HOST}
        assert guarded.call("POST", "/v1/studies", STUDY, headers=own).status_code == 201

    def test_a_token_beside_a_cookie_counts_alone(self, guarded: Api, store: MemoryStore) -> None:
        viewer = bearer(put_token(store, 1, "viewer"))
        both = {**viewer, "cookie": log_in(guarded)}
        assert guarded.ok("GET", "/v1/session", headers=both)["role"] == "viewer"

    def test_logging_out(self, guarded: Api) -> None:
        cookie = {"cookie": log_in(guarded), "origin": HOST}
        other = {"cookie": log_in(guarded)}
        response = guarded.call("DELETE", "/v1/session", headers=cookie)
        assert response.status_code == 204
        assert "Max-Age=0" in cookie_of(response)[1]
        assert guarded.refused("GET", "/v1/studies", headers=cookie)[:2] == (401, "token_missing")
        assert guarded.get("/v1/studies", headers=other).status_code == 200
        assert guarded.get("/v1/studies", headers=ADMIN).status_code == 200

    def test_a_session_ends_with_its_token(self, guarded: Api, store: MemoryStore) -> None:
        put_token(store, 1, "viewer")
        cookie = {"cookie": log_in(guarded, 1)}
        assert guarded.get("/v1/studies", headers=cookie).status_code == 200
        guarded.call("DELETE", "/v1/tokens/000000000001", headers=ADMIN)
        assert guarded.get("/v1/studies", headers=cookie).status_code == 401

    def test_a_session_that_another_replica_opened(self, make_api: Callable[..., Api], guarded: Api) -> None:
        replica = make_api(needs_tokens=True)
        assert replica.get("/v1/studies", headers=ADMIN).status_code == 200
        assert replica.get("/v1/studies", headers={"cookie": log_in(guarded)}).status_code == 200

    def test_a_token_that_another_replica_made(self, make_api: Callable[..., Api], guarded: Api) -> None:
        replica = make_api(needs_tokens=True)
        assert replica.get("/v1/studies", headers=ADMIN).status_code == 200
        made = guarded.ok("POST", "/v1/tokens", {"name": "anna", "role": "viewer"}, headers=ADMIN)
        assert replica.get("/v1/studies", headers=bearer(made["token"])).status_code == 200

    def test_a_wrong_token_opens_none(self, guarded: Api, store: MemoryStore) -> None:
        now = asyncio.run(store.read(lambda tx: tx.now))
        put_token(store, 5, "admin", expires_at=now - timedelta(seconds=1))
        for number in (5, 77):
            assert guarded.refused("POST", "/v1/session", {"token": secret(number)})[:2] == (401, "token_invalid")
        assert asyncio.run(store.read(lambda tx: tx.sessions.list())) == ()


class TestAudit:
    """What stands in the log, and how it is read."""

    def test_what_was_changed_is_said(self, guarded: Api) -> None:
        def call(method: str, path: str, body: object = None) -> Any:
            return guarded.ok(method, path, body, headers=ADMIN)

        call("POST", "/v1/studies", STUDY)
        call("PATCH", "/v1/studies/s", {"note": "secret plan", "budget": {"max_trials": 1}})
        call("POST", "/v1/studies/s/trials", {"params": {"lr": 0.1, "optimizer": "adamw"}})
        call("POST", "/v1/studies/s:stop", {"running": "cancel"})
        call("DELETE", "/v1/studies/s?force=true")
        entries = call("GET", "/v1/audit")["entries"][::-1]
        assert [(one["operation"], one["object"]) for one in entries] == [
            ("create_study", "studies/s"),
            ("change_study", "studies/s"),
            ("add_trial", "studies/s/trials/0"),
            ("stop_study", "studies/s"),
            ("delete_study", "studies/s"),
        ]
        assert entries[1]["detail"]["fields"] == ["budget", "note"]
        assert entries[1]["detail"]["budget"]["max_trials"] == 1
        assert "secret plan" not in str(entries)
        assert [one["detail"] for one in entries[2:]] == [{"state": "queued"}, {"running": "cancel"}, {"force": "true"}]

    def test_the_server_signs_what_it_does_by_itself(self, guarded: Api) -> None:
        target = {**STUDY, "budget": {"max_completed": 1}}
        guarded.ok("POST", "/v1/studies", target, headers=ADMIN)
        done = {"params": {"lr": 0.1, "optimizer": "adamw"}}
        guarded.ok("POST", "/v1/studies/s/trials", done, headers=ADMIN)
        guarded.ok("POST", "/v1/studies/s:ask", {"worker": "w"}, headers=ADMIN)
        complete = {"token": 1, "outcome": "completed", "values": {"loss": 0.5}}
        guarded.ok("POST", "/v1/studies/s/trials/0/attempts/1:complete", complete, headers=ADMIN)
        newest = guarded.ok("GET", "/v1/audit", headers=ADMIN)["entries"][0]
        assert (newest["actor"], newest["role"], newest["operation"]) == ("system", None, "move_study")
        assert newest["object"] == "studies/s"
        assert newest["detail"]["state"] == "completed"
        assert newest["detail"]["reason"]

    def test_a_change_that_is_refused_leaves_nothing(self, guarded: Api) -> None:
        guarded.ok("POST", "/v1/studies", STUDY, headers=ADMIN)
        assert guarded.refused("POST", "/v1/studies", STUDY, headers=ADMIN)[0] == 409
        assert guarded.refused("POST", "/v1/studies/none:pause", headers=ADMIN)[0] == 404
        assert guarded.call("POST", "/v1/studies?validate_only=true", {**STUDY, "name": "t"}, headers=ADMIN).is_success
        assert len(guarded.ok("GET", "/v1/audit", headers=ADMIN)["entries"]) == 1

    def test_pages_and_filters(self, guarded: Api) -> None:
        for name in ("a", "b", "é"):
            guarded.ok("POST", "/v1/studies", {**STUDY, "name": name}, headers=ADMIN)
            guarded.ok("POST", f"/v1/studies/{name}:pause", headers=ADMIN)

        def read(query: str) -> list[str]:
            entries = guarded.ok("GET", f"/v1/audit?{query}", headers=ADMIN)["entries"]
            return [f"{one['operation']} {one['object']}" for one in entries]

        assert read("object=studies/a") == ["pause_study studies/a", "create_study studies/a"]
        assert read("object=/studies/e%CC%81/") == ["pause_study studies/é", "create_study studies/é"]
        assert len(read("actor=admin-3")) == len(read("actor=000000000003")) == 6
        assert read("actor=anna") == []
        assert len(read("since=2020-01-01T00:00:00Z")) == len(read("since=2020-01-01")) == 6
        assert read("since=2999-01-01T00:00:00%2B02:00") == []
        first = guarded.ok("GET", "/v1/audit?page_size=4", headers=ADMIN)
        rest = guarded.ok("GET", f"/v1/audit?page_size=4&page_token={first['next_page_token']}", headers=ADMIN)
        ids = [one["id"] for one in (*first["entries"], *rest["entries"])]
        assert ids == sorted(set(ids), reverse=True)
        assert len(ids) == 6
        assert rest["next_page_token"] is None
        mixed = f"/v1/audit?actor=x&page_token={first['next_page_token']}"
        assert guarded.refused("GET", mixed, headers=ADMIN)[:2] == (400, "invalid_page_token")

    def test_a_time_that_cannot_be_read(self, guarded: Api) -> None:
        status, _, problem = guarded.refused("GET", "/v1/audit?since=yesterday", headers=ADMIN)
        assert (status, problem["errors"][0]["field"]) == (422, "since")
        assert "must be a time such as" in problem["errors"][0]["message"]
