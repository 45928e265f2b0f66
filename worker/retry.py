"""What becomes of a request that failed: sent again, refused, or for nothing. All of the policy is here.

Sent again: lost connections, 429, 5xx, and answers that no Basin server gives (a proxy's page, say). Each write may be
sent twice. Refused: every other 4xx. For nothing (`Gone`): the attempt was given to another, or has ended.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx2

FIRST_DELAY = 0.25
LONGEST_DELAY = 30.0
_SHORTEST_BOUND = 1.0
_GONE = frozenset({"stale_lease", "gone", "not_your_attempt"})
# Statuses by which a proxy says that there is no server behind it.
_NOBODY = frozenset({502, 503, 504})
_SAID_AFTER = 5

T = TypeVar("T")


class Refused(Exception):
    """The server will not do this, however often it is asked."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", ""))
        errors = problem.get("errors")
        fields = [
            f"{one.get('field')}: {one.get('message')}"
            for one in (errors if isinstance(errors, list) else [])
            if isinstance(one, dict) and one.get("field")
        ]
        self.detail = "; ".join(fields) or str(problem.get("detail") or problem.get("title") or f"status {status}")
        self.hint = None if problem.get("hint") is None else str(problem["hint"])
        super().__init__(self.detail)


class Gone(Refused):
    """The attempt was given to another worker, or has ended: what is done for it is for nothing."""


class Denied(Refused):
    """The server does not know this token, or does not let it do this."""


@dataclass(frozen=True, slots=True)
class Again:
    """A failure that may pass: why, whether nobody answered at all, and how long the server asked to wait."""

    cause: str
    away: bool
    after: float | None = None


def judge(outcome: httpx2.Response | Exception) -> Again | Refused | None:
    """The one table: what becomes of an answer or an error. None: it was done."""
    if isinstance(outcome, Exception):
        return Again(cause_of(outcome), away=True)
    status = outcome.status_code
    if outcome.is_success:
        return None
    problem = _problem(outcome)
    if problem is not None and problem.get("code") in _GONE:
        return Gone(status, problem)
    if status in {401, 403}:
        return Denied(status, problem or {"detail": f"status {status}"})
    if status == 429 or status >= 500:
        detail = str((problem or {}).get("detail") or f"status {status}")
        return Again(detail, away=status in _NOBODY, after=_asked(outcome))
    if problem is None:
        # Not an answer of Basin: a page of a proxy, or of whatever else listens there while the server is away.
        return Again(f"status {status}, and not an answer of Basin", away=True, after=_asked(outcome))
    return Refused(status, problem)


def cause_of(error: BaseException) -> str:
    """Why a connection failed, in words: the innermost error that the system named."""
    innermost = error
    while (deeper := innermost.__cause__ or innermost.__context__) is not None:
        innermost = deeper
    if isinstance(innermost, OSError) and innermost.strerror:
        return innermost.strerror.lower()
    return str(innermost) or type(innermost).__name__


def _problem(response: httpx2.Response) -> Mapping[str, Any] | None:
    try:
        body = json.loads(response.content)
    except ValueError:
        return None
    return body if isinstance(body, dict) and "code" in body else None


def _asked(response: httpx2.Response) -> float | None:
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return min(float(text), 600.0)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


class Link:
    """The way to one server: sends until there is an answer, and says once when it is away and when it is back."""

    def __init__(
        self,
        say: Callable[[str], None],
        jitter: Callable[[], float],
        *,
        monotonic: Callable[[], float],
        longest: float = LONGEST_DELAY,
        patience: float = 1.0,
    ) -> None:
        self._say = say
        self._jitter = jitter
        self._monotonic = monotonic
        self._longest = longest
        self._patience = patience
        self._failing_since: float | None = None
        self._told = False
        self._denied = False
        self._back = asyncio.Event()
        self.trusted = False
        """Whether the server has let us in: after that a token that is refused may be renewed, and is tried again."""

    @property
    def away(self) -> float | None:
        """For how long nobody has answered; None while somebody does."""
        return None if self._failing_since is None else self._monotonic() - self._failing_since

    async def send(self, once: Callable[[], Awaitable[httpx2.Response]], read: Callable[[bytes], T]) -> T:
        """Ask until there is an answer. Refusals are raised; what may pass is waited for, without an end."""
        tries = 0
        while True:
            asked_at = self._monotonic()
            again = await self._try(once, read)
            if not isinstance(again, Again):
                return again
            self._failed(again, asked_at)
            if tries == _SAID_AFTER and not again.away:
                self._say(f"the server cannot do it now ({again.cause}); it is asked again and again")
            await self._wait(self.delay(tries, again.after), asked=again.after is not None)
            tries += 1

    async def _try(self, once: Callable[[], Awaitable[httpx2.Response]], read: Callable[[bytes], T]) -> T | Again:
        try:
            response = await once()
        except httpx2.RequestError as error:
            return _sure(judge(error))
        verdict = judge(response)
        if verdict is None:
            try:
                answer = read(response.content)
            except ValueError:
                return Again("it answers, but not like a Basin server (is there a proxy in between?)", away=True)
            self.answered()
            return answer
        if isinstance(verdict, Again):
            return verdict
        if isinstance(verdict, Denied) and self.trusted:
            self._tell_denied(verdict)
            return Again(verdict.detail, away=False)
        self.answered()
        raise verdict

    def ask_every(self, seconds: float) -> None:
        """Wait no longer than so, about: a server that is back is to hear of us before our leases run out."""
        self._longest = min(self._longest, max(seconds, _SHORTEST_BOUND))

    def answered(self) -> None:
        """Somebody answers."""
        if (away := self.away) is not None and self._told:
            self._say(f"the server is back after {_duration(away)}; what was kept is sent")
        self._failing_since, self._told, self._denied = None, False, False
        self._back.set()

    def delay(self, tries: int, asked: float | None) -> float:
        """How long to wait: what the server asks at least, and else anything up to twice as much each time."""
        spread = self._jitter()
        if asked is not None:
            return asked + spread * FIRST_DELAY
        return spread * min(FIRST_DELAY * float(2 ** min(tries, 20)), self._longest)

    def _failed(self, again: Again, asked_at: float) -> None:
        if not again.away:
            return
        if self._failing_since is None:
            self._failing_since = asked_at
            self._back.clear()
        lasts = self._monotonic() - self._failing_since
        if not self._told and (lasts >= self._patience or not self.trusted):
            self._told = True
            goes_on = "training goes on, and what it reports is kept" if self.trusted else "waiting for it"
            self._say(f"the server is away ({again.cause}); {goes_on}")

    def _tell_denied(self, denied: Refused) -> None:
        if not self._denied:
            self._denied = True
            self._say(f"the server does not take the token any more ({denied.detail}); put a new one into --token-file")

    async def _wait(self, delay: float, *, asked: bool) -> None:
        """Wait, but no longer than until somebody has got an answer again; as long as the server asked in any case."""
        if asked or self._failing_since is None:
            await asyncio.sleep(delay)
            return
        try:
            await asyncio.wait_for(self._back.wait(), delay)
        except TimeoutError:
            return
        await asyncio.sleep(self._jitter() * min(delay, 1.0))


def _sure(verdict: Again | Refused | None) -> Again:
    assert isinstance(verdict, Again)
    return verdict


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
