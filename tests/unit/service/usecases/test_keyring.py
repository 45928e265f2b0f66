"""The tokens in memory: what is read when, and how long what was revoked elsewhere still holds."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.domain.actor import LOCAL
from service.domain.errors import StoreUnavailable, TokenInvalid
from service.domain.token import written
from service.store.memory import MemoryStore
from service.usecases import tokens
from service.usecases.keyring import Keyring
from service.usecases.ports import Transaction
from service.wire.token import NewToken

ID = "3f9c1e0a77b2"
SECRET = written(ID, bytes(range(32)))


@dataclass
class Clock:
    """One clock for the database and the process."""

    seconds: float = 0.0

    def moment(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def read(self) -> float:
        return self.seconds


class Counting(MemoryStore):
    """A store that counts what is read, and may be away."""

    reads = 0
    away = False

    async def read(self, work: Callable[[Transaction], Any]) -> Any:
        self.reads += 1
        if self.away:
            raise StoreUnavailable
        return await super().read(work)


class Desk:
    """A keyring over a store, a clock, and the loop they run in."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.clock = Clock()
        self.store = Counting(self.clock.moment)
        self.ring = Keyring(self.store, self.clock.read)
        self.run = runner.run

    def make(self, token_id: str = ID, secret: str = SECRET, expires_in: float | None = None) -> None:
        new = NewToken(name="anna", role="editor", expires_in=expires_in)
        self.run(self.store.write(lambda tx: tokens.create(tx, new, token_id, secret, LOCAL)))

    def holds(self) -> bool:
        """Ask as a request does; the background has its turn afterwards."""

        async def ask() -> bool:
            await self.ring.refresh()
            token = self.ring.token(SECRET)
            try:
                return token is not None and self.ring.holder(token.id).name == "anna"
            except TokenInvalid:
                return False
            finally:
                for _ in range(5):
                    await asyncio.sleep(0)

        return bool(self.run(ask()))


@pytest.fixture
def desk() -> Iterator[Desk]:
    with asyncio.Runner() as runner:
        yield Desk(runner)


def test_many_requests_are_one_look_into_the_database(desk: Desk) -> None:
    desk.make()
    assert all(desk.holds() for _ in range(1_000))
    assert desk.store.reads == 1
    desk.clock.seconds += 0.9
    assert desk.holds()
    assert desk.store.reads == 1


def test_what_is_a_second_old_is_read_anew_without_waiting(desk: Desk) -> None:
    desk.make()
    assert desk.holds()
    desk.run(desk.store.write(lambda tx: tokens.revoke(tx, ID)))
    desk.clock.seconds += 1.1
    assert desk.holds(), "by what is known; meanwhile it is read anew"
    assert desk.store.reads == 2
    assert not desk.holds()


def test_what_was_revoked_elsewhere_holds_for_five_seconds_at_most(desk: Desk) -> None:
    desk.make()
    assert desk.holds()
    desk.run(desk.store.write(lambda tx: tokens.revoke(tx, ID)))
    desk.clock.seconds += 5.1
    assert not desk.holds()


def test_a_token_expires_by_the_clock_without_a_look(desk: Desk) -> None:
    desk.make(expires_in=0.5)
    assert desk.holds()
    desk.clock.seconds += 0.5
    assert not desk.holds()
    assert desk.store.reads == 1


def test_a_database_that_is_away_is_borne_for_a_while(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.make()
    assert desk.holds()
    desk.store.away = True
    desk.clock.seconds += 2
    with caplog.at_level(logging.WARNING):
        assert desk.holds()
    assert "could not be read anew" in caplog.text
    desk.clock.seconds += 4
    with pytest.raises(StoreUnavailable):
        desk.holds()
    desk.store.away = False
    assert desk.holds()


def test_those_who_ask_at_once_share_a_reading_that_began_after_they_asked(desk: Desk) -> None:
    async def ask(count: int) -> None:
        await asyncio.gather(*(desk.ring.reload() for _ in range(count)))

    desk.run(ask(50))
    assert desk.store.reads <= 2


@pytest.mark.parametrize(
    "secret",
    ["", "basin_", "basin_3f9c1e0a77b2_", f"{SECRET}x", SECRET[:-1], SECRET.upper(), f" {SECRET}", "basin_é", "\0"],
)
def test_what_cannot_be_a_token(desk: Desk, secret: str) -> None:
    with pytest.raises(TokenInvalid, match="not a token of Basin"):
        desk.ring.token(secret)


def test_a_wrong_secret_of_an_id_that_is_there(desk: Desk) -> None:
    desk.make()
    assert desk.holds()
    with pytest.raises(TokenInvalid):
        desk.ring.token(written(ID, bytes(32)))
    assert desk.ring.token(written("000000000000", bytes(32))) is None


def test_the_secret_is_kept_nowhere(desk: Desk) -> None:
    desk.make()
    (kept,) = desk.run(desk.store.read(lambda tx: tx.tokens.list()))
    assert SECRET[len("basin_") + 13 :] not in repr(kept)
    assert len(kept.hash) == 64


def test_uses_are_noted_to_the_minute_and_not_one_by_one(desk: Desk) -> None:
    def last_use() -> datetime | None:
        found: datetime | None = desk.run(desk.store.read(lambda tx: tx.tokens.get(ID).last_used_at))
        return found

    desk.make()
    assert desk.holds()
    assert last_use() is None
    desk.run(desk.ring.note())
    first = last_use()
    assert first == desk.clock.moment()
    desk.clock.seconds += 59
    assert desk.holds()
    desk.run(desk.ring.note())
    assert last_use() == first
    desk.clock.seconds += 1
    assert desk.holds()
    desk.run(desk.ring.note())
    assert last_use() == desk.clock.moment()


def test_uses_are_noted_a_last_time_at_the_end(desk: Desk) -> None:
    desk.make()
    assert desk.holds()

    async def end() -> None:
        noting = asyncio.create_task(desk.ring.keep_noting())
        await asyncio.sleep(0)
        noting.cancel()
        await asyncio.gather(noting, return_exceptions=True)

    desk.run(end())
    assert desk.run(desk.store.read(lambda tx: tx.tokens.get(ID).last_used_at)) == desk.clock.moment()


def test_sessions_end_with_their_token_and_after_a_month(desk: Desk) -> None:
    desk.make(expires_in=86_400.0)
    desk.make("000000000001", written("000000000001", bytes(32)))

    def log_in(token_id: str, secret: str) -> Any:
        return desk.run(desk.store.write(lambda tx: tokens.log_in(tx, tx.tokens.get(token_id), secret)))

    assert log_in(ID, "first").expires_at == desk.clock.moment() + timedelta(days=1)
    assert log_in("000000000001", "second").expires_at == desk.clock.moment() + timedelta(days=30)
    desk.run(desk.ring.reload())
    assert desk.ring.session("first") is not None
    assert desk.ring.session("nobody") is None
    desk.clock.seconds += 86_400
    assert desk.ring.session("first") is None
    assert desk.ring.session("second") is not None
    desk.run(desk.store.write(lambda tx: tokens.revoke(tx, "000000000001")))
    desk.run(desk.ring.reload())
    assert desk.ring.session("second") is None
