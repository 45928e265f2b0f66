"""Workers at a server that needs tokens: with their own they train to the end, with any other they say what to do."""

import asyncio
from pathlib import Path

from tests.acceptance.fleet import fleet
from tests.acceptance.test_takeover import RETRY, steady
from tests.acceptance.test_tokens import basin, call
from tests.patience import PATIENCE

SPACE = {"x": {"type": "float", "low": 0, "high": 1}}


def made(folder: Path, url: str, role: str) -> str:
    """A new token of a role, made on the server's machine."""
    given = ["token", "create", "--local", "--role", role, "--name", role]
    return basin(folder, *given, BASIN_DATABASE_URL=url).stdout.strip()


def test_a_worker_trains_with_a_token_of_a_worker_and_with_no_other(tmp_path: Path, database_url: str) -> None:
    admin, worker, viewer = [made(tmp_path, database_url, role) for role in ("admin", "worker", "viewer")]
    (tmp_path / "end").touch()

    async def run() -> None:
        named = {role: tmp_path / f"{role}.token" for role in ("worker", "viewer", "unknown")}
        for role, token in (("worker", worker), ("viewer", viewer), ("unknown", worker[:-4] + "aaaa")):
            named[role].write_text(token + "\n")
        arguments = {role: [*steady(tmp_path), "--token-file", str(file)] for role, file in named.items()}
        arguments["none"] = steady(tmp_path)
        async with fleet(tmp_path, database_url, arguments, require_tokens="always") as all_of_it:
            trainer = {"name": "steady", "settings": {"end": str(tmp_path / "end")}}
            definition = {"name": "s", "objectives": [{"metric": "loss"}], "space": SPACE, "retry": RETRY}
            given = {**definition, "budget": {"max_trials": 3}, "trainer": trainer, "scheduler": "none"}
            status, answer = await asyncio.to_thread(call, all_of_it.server, "POST", "/v1/studies", admin, given)
            assert status == 201, answer
            working, viewing, unknown, without = all_of_it.members
            for refused, words in ((viewing, "role"), (unknown, "token"), (without, "token")):
                assert await refused.process.ended() == 2, refused.process.said
                assert "error: the server does not let this worker in" in refused.process.said
                assert "hint: " in refused.process.said
                assert words in refused.process.said
                assert worker[19:-4] not in refused.process.said, "a token is not for logs"
                assert "Traceback" not in refused.process.said
            async with asyncio.timeout(PATIENCE):
                while True:
                    _, study = await asyncio.to_thread(call, all_of_it.server, "GET", "/v1/studies/s", admin)
                    if study["state"] == "completed":
                        break
                    await asyncio.sleep(0.1)
            assert study["trials"]["completed"] == 3
            _, found = await asyncio.to_thread(call, all_of_it.server, "GET", "/v1/studies/s/trials/0/attempts", admin)
            assert [one["worker"] for one in found["attempts"]] == [working.name]

    asyncio.run(run())


def test_what_was_granted_to_one_worker_is_nobody_else_s(tmp_path: Path, sqlite_url: str) -> None:
    admin, worker, other = [made(tmp_path, sqlite_url, role) for role in ("admin", "worker", "worker")]

    async def run() -> None:
        (tmp_path / "worker.token").write_text(worker)
        given = [*steady(tmp_path), "--token-file", str(tmp_path / "worker.token")]
        async with fleet(tmp_path, sqlite_url, {"one": given}, require_tokens="always") as all_of_it:
            server = all_of_it.server
            trainer = {"name": "steady", "settings": {"end": str(tmp_path / "end")}}
            definition = {"name": "s", "objectives": [{"metric": "loss"}], "space": SPACE, "trainer": trainer}
            body = {**definition, "budget": {"max_trials": 1}, "retry": RETRY}
            assert (await asyncio.to_thread(call, server, "POST", "/v1/studies", admin, body))[0] == 201
            path = "/v1/studies/s/trials/0/attempts"
            async with asyncio.timeout(PATIENCE):
                while not (await asyncio.to_thread(call, server, "GET", path, admin))[1].get("attempts"):
                    await asyncio.sleep(0.1)
            # A trial's first token is 1: it can be guessed, and helps nobody.
            point = {"token": 1, "first_seq": 1, "points": [{"step": 1_000, "metrics": {"loss": 0.0}}]}
            status, answer = await asyncio.to_thread(call, server, "POST", f"{path}/1:report", other, point)
            assert (status, answer["code"]) == (403, "not_your_attempt")
            end = {"token": 1, "outcome": "completed", "values": {"loss": 0.0}}
            status, answer = await asyncio.to_thread(call, server, "POST", f"{path}/1:complete", other, end)
            assert (status, answer["code"]) == (403, "not_your_attempt")
            (tmp_path / "end").touch()
            async with asyncio.timeout(PATIENCE):
                while True:
                    _, trial = await asyncio.to_thread(call, server, "GET", "/v1/studies/s/trials/0", admin)
                    if trial["state"] == "completed":
                        break
                    await asyncio.sleep(0.1)
            assert trial["values"]["loss"] > 0

    asyncio.run(run())


def test_a_study_whose_trainer_no_worker_has_waits_and_is_not_touched(tmp_path: Path, sqlite_url: str) -> None:
    async def run() -> None:
        async with fleet(tmp_path, sqlite_url, {"one": steady(tmp_path)}) as all_of_it:
            await all_of_it.create("other", space=SPACE, trainer={"name": "unheard-of"}, budget={"max_trials": 1})
            (tmp_path / "end").touch()
            ours = {"name": "steady", "settings": {"end": str(tmp_path / "end")}}
            await all_of_it.create("s", space=SPACE, trainer=ours, budget={"max_trials": 1})
            await all_of_it.until("/v1/studies/s", lambda study: study["state"] == "completed")
            waiting = await all_of_it.read("/v1/studies/other")
            assert (waiting["state"], waiting["trials"]["running"], waiting["trials"]["failed"]) == ("active", 0, 0)

    asyncio.run(run())
