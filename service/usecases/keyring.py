"""The tokens in memory, so that telling who asks costs no look into the database.

All tokens and sessions are read at once, anew in the background when what is known is older than a second, and before
anything is answered when it is older than five: so long does a token that was revoked elsewhere hold at most.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from service.domain.errors import BasinError, TokenInvalid
from service.domain.token import Session, Token, digest, public_id
from service.usecases.ports import Store, Transaction

_log = logging.getLogger(__name__)
_OLD_SECONDS = 1.0
_TOO_OLD_SECONDS = 5.0
_NOTE_SECONDS = 60.0


class Keyring:
    """What this process knows of tokens and sessions."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._tokens: Mapping[str, Token] = {}
        self._sessions: Mapping[str, Session] = {}
        self._read_at = -_TOO_OLD_SECONDS * 2 + monotonic()
        self._database_time = datetime.min.replace(tzinfo=UTC)
        self._reading = asyncio.Lock()
        self._begun = self._done = 0
        self._refreshing: asyncio.Task[None] | None = None
        self._used: dict[str, datetime] = {}
        self._noted: dict[str, datetime] = {}

    @property
    def now(self) -> datetime:
        """The time by the database's clock, as far as it was read."""
        return self._database_time + timedelta(seconds=self._monotonic() - self._read_at)

    def token(self, secret: str) -> Token | None:
        """The token of a secret, if it is known, whether it holds or not; TokenInvalid if the secret is a wrong one."""
        token_id = public_id(secret)
        if token_id is None:
            raise TokenInvalid("this is not a token of Basin: those begin with basin_")
        token = self._tokens.get(token_id)
        if token is not None and not token.fits(secret):
            raise TokenInvalid
        return token

    def session(self, secret: str) -> Session | None:
        """The session of a secret, if it is known and holds."""
        session = self._sessions.get(digest(secret))
        return session if session is not None and self.now < session.expires_at else None

    def holder(self, token_id: str) -> Token:
        """The token of an id, if it holds; TokenInvalid otherwise. It counts as used."""
        token = self._tokens.get(token_id)
        if token is None:
            raise TokenInvalid
        now = self.now
        state = token.state(now)
        if state != "live":
            raise TokenInvalid("this token was revoked" if state == "revoked" else "this token has expired")
        self._used[token_id] = now
        return token

    async def refresh(self) -> None:
        """See to it that what is known is new enough; only what is far too old is waited for."""
        age = self._monotonic() - self._read_at
        if age > _TOO_OLD_SECONDS:
            await self.reload(self._begun)
        elif age > _OLD_SECONDS and (self._refreshing is None or self._refreshing.done()):
            self._refreshing = asyncio.create_task(self._reload_quietly(), name="basin-keyring")

    async def reload(self, after: int | None = None) -> None:
        """Read everything anew. Those who ask at the same time share one reading that begins after they asked."""
        asked = self._begun if after is None else after
        async with self._reading:
            if self._done > asked:
                return
            self._begun += 1
            number, began = self._begun, self._monotonic()
            tokens, sessions, self._database_time = await self._store.read(_everything)
            self._tokens = {token.id: token for token in tokens}
            self._sessions = {session.hash: session for session in sessions}
            self._read_at, self._done = began, number

    async def note(self) -> None:
        """Write down when tokens were used last, to the minute."""
        used, self._used = self._used, {}
        least = timedelta(seconds=_NOTE_SECONDS)
        new = {one: at for one, at in used.items() if one not in self._noted or at - self._noted[one] >= least}
        if new:
            await self._store.write(lambda tx: tx.tokens.used(new))
            self._noted.update(new)

    async def keep_noting(self) -> None:
        """Write it down again and again, until cancelled, and a last time then."""
        try:
            while True:
                await asyncio.sleep(_NOTE_SECONDS)
                await self._note_quietly()
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await self._note_quietly()

    async def _note_quietly(self) -> None:
        try:
            await self.note()
        except BasinError as error:
            _log.warning("when tokens were used could not be noted: %s", error)

    async def _reload_quietly(self) -> None:
        try:
            await self.reload()
        except BasinError as error:
            _log.warning("the tokens could not be read anew: %s", error)


def _everything(tx: Transaction) -> tuple[Sequence[Token], Sequence[Session], datetime]:
    return tx.tokens.list(), tx.sessions.list(), tx.now
