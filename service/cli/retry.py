"""Which failures of a request are worth another try, and how long to wait before it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx2

from service.cli.world import FIRST_PATIENCE, PATIENCE, World

LONGEST_DELAY = 10.0
_FIRST_DELAY = 0.25
_RETRIED = frozenset({429, 503})


class TryAgain(Exception):
    """The server cannot answer now: too many requests, or not available."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(f"status {response.status_code}")
        self.response = response


@dataclass
class Retrier:
    """Sends until there is an answer or patience ends, and says so while it waits."""

    world: World
    say: Callable[[str], None]
    first_patience: float = FIRST_PATIENCE
    patience: float = PATIENCE
    answered: bool = field(default=False, init=False)
    lost: int = field(default=0, init=False)
    """How many answers of the last request were lost: each may have been carried out."""

    def send(self, once: Callable[[], httpx2.Response]) -> httpx2.Response:
        """Call until an answer comes; afterwards the last failure is raised, or the last 429 or 503 answered."""
        start = self.world.monotonic()
        attempt = self.lost = 0
        while True:
            failure: Exception
            try:
                response = once()
            except (httpx2.NetworkError, httpx2.TimeoutException, httpx2.RemoteProtocolError) as error:
                failure, asked = error, None
                self.lost += 1
            else:
                self.answered = True
                if response.status_code not in _RETRIED:
                    return response
                failure, asked = TryAgain(response), self._asked(response)
            delay = self.delay(attempt, asked)
            patience = self.patience if self.answered else self.first_patience
            if self.world.monotonic() + delay - start > patience:
                if isinstance(failure, TryAgain):
                    return failure.response
                raise failure
            if self.answered:
                self.say(f"{_what(failure)}; trying again in {delay:.1f} s")
            self.world.sleep(delay)
            attempt += 1

    def delay(self, attempt: int, asked: float | None) -> float:
        """How long to wait: as the server asks, or twice as long each time; never in step with other clients."""
        spread = 0.5 + self.world.jitter() / 2
        if asked is not None:
            return asked + spread - 0.5
        return float(min(_FIRST_DELAY * 2**attempt, LONGEST_DELAY) * spread)

    def _asked(self, response: httpx2.Response) -> float | None:
        text = response.headers.get("Retry-After", "")
        if text.strip().isdigit():
            return float(text)
        try:
            return max(0.0, (parsedate_to_datetime(text) - self.world.now()).total_seconds())
        except (ValueError, TypeError):
            return None


def _what(failure: Exception) -> str:
    if isinstance(failure, TryAgain):
        return "the server is busy" if failure.response.status_code == 429 else "the server is not available just now"
    return f"no connection to the server ({cause(failure)})"


def cause(error: BaseException) -> str:
    """Why a connection failed, in words: the innermost error that the system named."""
    innermost: BaseException = error
    while (deeper := innermost.__cause__ or innermost.__context__) is not None:
        innermost = deeper
    if isinstance(innermost, OSError) and innermost.strerror:
        return innermost.strerror.lower()
    return str(innermost) or type(innermost).__name__
