"""The stream of events."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.domain.errors import StoreUnavailable
from service.domain.event import Event
from service.http.feed import Feed, Resync
from service.store.memory import MemoryStore
from service.usecases import studies
from service.wire.study import StudyDefinition
from tests.unit.service.http.api import STUDY, Api, document
from tests.unit.service.http.asgi import Exchange


@asynccontextmanager
async def stream(api: Api, query: str = "", **headers: str) -> AsyncIterator[Exchange]:
    """An event stream that is left at the end."""
    exchange = Exchange(api.app, "GET", "/v1/events", query, headers)
    yield exchange
    exchange.leave()
    await exchange.end()


async def opened(exchange: Exchange) -> dict[str, str]:
    status, headers = await exchange.start()
    assert status == 200
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "content-encoding" not in headers
    return headers


async def told(exchange: Exchange, count: int) -> list[dict[str, Any]]:
    """The next events; comments and lines without data are passed over."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        piece = await exchange.piece()
        assert piece is not None, "the stream has ended"
        assert piece.endswith(b"\n\n")
        fields = dict(line.split(": ", 1) for line in piece.decode().strip().split("\n") if not line.startswith(":"))
        if "data" in fields:
            event = json.loads(fields["data"])
            assert (fields["id"], fields["event"]) == (str(event["id"]), event["type"])
            found.append(event)
    return found


async def create(api: Api, name: str) -> None:
    assert (await api.send("POST", "/v1/studies", json.dumps({**STUDY, "name": name}))).status_code == 201


async def pause(api: Api, name: str) -> None:
    assert (await api.send("POST", f"/v1/studies/{name}:pause", "{}")).status_code == 200


def test_a_new_client_gets_what_happens_from_now_on(api: Api) -> None:
    async def follow() -> None:
        await create(api, "before")
        async with stream(api) as exchange:
            await opened(exchange)
            assert await exchange.piece() == b"retry: 2000\nid: 1\n\n"
            await create(api, "after")
            await pause(api, "after")
            created, paused = await told(exchange, 2)
        assert (created["type"], created["study"], created["id"]) == ("study.created", "after", 2)
        assert (paused["type"], paused["data"]) == ("study.state", {"state": "paused", "reason": "paused by a user"})
        api.hold_schema("#/components/schemas/Event", created)

    api.run(follow())


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_client_that_comes_back_misses_nothing(api: Api, way: str) -> None:
    async def follow() -> None:
        for name in ("a", "b", "c"):
            await create(api, name)
        given: dict[str, Any] = {"last-event-id": "1"} if way == "header" else {}
        async with stream(api, "" if given else "last_event_id=1", **given) as exchange:
            await opened(exchange)
            assert [event["study"] for event in await told(exchange, 2)] == ["b", "c"]
            await create(api, "d")
            assert [event["id"] for event in await told(exchange, 1)] == [4]

    api.run(follow())


def test_the_header_is_newer_than_the_query(api: Api) -> None:
    async def follow() -> None:
        for name in ("a", "b", "c"):
            await create(api, name)
        async with stream(api, "last_event_id=0", **{"last-event-id": "2"}) as exchange:
            await opened(exchange)
            assert [event["study"] for event in await told(exchange, 1)] == ["c"]

    api.run(follow())


def test_one_study_alone(api: Api) -> None:
    async def follow() -> None:
        await create(api, "a")
        await create(api, "b")
        async with stream(api, "study=b&last_event_id=0") as exchange:
            await opened(exchange)
            await pause(api, "a")
            await pause(api, "b")
            assert [(event["study"], event["type"]) for event in await told(exchange, 2)] == [
                ("b", "study.created"),
                ("b", "study.state"),
            ]

    api.run(follow())


@pytest.mark.parametrize("last", [2, 100])
def test_what_is_no_longer_kept_or_never_was_begins_anew(api: Api, store: MemoryStore, last: int) -> None:
    async def follow() -> None:
        for name in ("a", "b", "c", "d"):
            await create(api, name)
        await store.write(lambda tx: tx.events.prune(datetime.now(UTC) + timedelta(days=1)))
        await create(api, "e")
        async with stream(api, f"last_event_id={last}") as exchange:
            await opened(exchange)
            (resync,) = await told(exchange, 1)
            assert (resync["type"], resync["id"]) == ("resync", 5)
            await create(api, "f")
            assert [event["id"] for event in await told(exchange, 1)] == [6]

    api.run(follow())


@pytest.mark.parametrize("last", [4, 5])
def test_what_is_just_still_kept_goes_on(api: Api, store: MemoryStore, last: int) -> None:
    async def follow() -> None:
        for name in ("a", "b", "c", "d"):
            await create(api, name)
        await store.write(lambda tx: tx.events.prune(datetime.now(UTC) + timedelta(days=1)))
        await create(api, "e")
        async with stream(api, f"last_event_id={last}") as exchange:
            await opened(exchange)
            await create(api, "f")
            events = await told(exchange, 6 - last)
            assert [event["id"] for event in events] == list(range(last + 1, 7))

    api.run(follow())


def test_a_silent_stream_shows_that_it_lives(make_api: Callable[..., Api]) -> None:
    api = make_api(keep_alive_seconds=0.01)

    async def follow() -> None:
        async with stream(api) as exchange:
            await opened(exchange)
            assert await exchange.piece() == b"retry: 2000\nid: 0\n\n"
            assert await exchange.piece() == b": still here\n\n"
            assert await exchange.piece() == b": still here\n\n"

    api.run(follow())


def test_a_server_that_stops_ends_its_streams(api: Api) -> None:
    async def follow() -> None:
        async with stream(api) as exchange:
            await opened(exchange)
            await exchange.piece()
            await asyncio.sleep(0)
            await asyncio.to_thread(api.app.state.served.feed.close)
            assert await exchange.piece() is None
            await exchange.end()

    api.run(follow())


def test_nobody_is_read_for_when_all_have_left(api: Api) -> None:
    async def follow() -> None:
        feed: Feed = api.app.state.served.feed
        for _ in range(2):
            async with stream(api) as one, stream(api) as other:
                await opened(one)
                await opened(other)
                await create(api, f"s{_}")
                assert len(await told(one, 1)) == len(await told(other, 1)) == 1
                assert feed._reader is not None
            assert feed._reader is None

    api.run(follow())


@pytest.mark.parametrize("header", ["x", "-1", "1.5", "9" * 16, "²"])
def test_an_id_that_is_none_is_refused(api: Api, header: str) -> None:
    status, code, problem = api.refused("GET", "/v1/events", headers={"last-event-id": header.encode("latin-1")})
    assert (status, code) == (400, "invalid_header")
    assert problem["errors"][0]["field"] == "Last-Event-ID"
    assert api.refused("GET", "/v1/events?last_event_id=x")[2]["errors"][0]["field"] == "last_event_id"


async def ids(events: AsyncIterator[Event | None], count: int) -> list[int]:
    found = [await anext(events) for _ in range(count)]
    return [event.id for event in found if event is not None]


def test_many_more_events_than_are_remembered(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.http.feed._AT_ONCE", 3)
    feed = Feed(store)
    feed._recent = type(feed._recent)(maxlen=4)
    monkeypatch.setattr("service.http.feed._KEPT", 4)

    async def follow() -> None:
        async def happen(first: int, last: int) -> None:
            for number in range(first, last + 1):
                definition = StudyDefinition.model_validate({**STUDY, "name": f"s{number}"})
                await store.write(lambda tx, definition=definition: studies.create(tx, definition, seed=1))  # type: ignore[misc]

        await happen(1, 20)
        slow = feed.follow(await feed.start(0), None, 5)
        seen = await ids(slow, 2)
        quick = feed.follow(20, None, 5)
        waiting = asyncio.ensure_future(anext(quick))
        await happen(21, 40)
        first = await waiting
        assert first is not None
        assert first.id == 21
        seen += await ids(slow, 38)
        assert seen == list(range(1, 41))
        assert await ids(quick, 19) == list(range(22, 41))
        await slow.aclose()
        await quick.aclose()

    asyncio.run(follow())


def test_a_database_that_is_away_for_a_while(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.http.feed._RETRY_SECONDS", 0.001)
    feed, read, fails = Feed(store), store.read, 3

    async def sometimes(work: Any) -> Any:
        nonlocal fails
        if fails:
            fails -= 1
            raise StoreUnavailable if fails else RuntimeError("odd")
        return await read(work)

    async def follow() -> None:
        start = await feed.start(None)
        monkeypatch.setattr(store, "read", sometimes)
        events = feed.follow(start, None, 5)
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.05)
        await store.write(lambda tx: studies.create(tx, StudyDefinition.model_validate(STUDY), seed=1))
        event = await waiting
        assert event is not None
        assert event.type == "study.created"
        await events.aclose()

    asyncio.run(follow())


def test_resync_tells_the_newest(store: MemoryStore) -> None:
    with pytest.raises(Resync) as gap:
        asyncio.run(Feed(store).start(7))
    assert gap.value.newest == 0


def test_the_example_of_the_document_is_a_stream() -> None:
    operation = document()["paths"]["/v1/events"]["get"]
    assert operation["responses"]["200"]["content"].keys() == {"text/event-stream"}
