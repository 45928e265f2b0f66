"""Waiting for what the server computes beside its requests: asked again until it is there, or the time is over."""

from collections.abc import Callable

from service.cli.session import Session
from service.cli.wire_json import Json

# Below the time after which a silent connection is given up, and what a server waits at most.
_AT_ONCE = 20


def wait_for(session: Session, ask: Callable[[int], Json], seconds: int) -> Json:
    """Ask until the result is of now; then, or when the time is over, answer the newest there is."""
    read = session.world.monotonic
    until = read() + seconds
    while True:
        left = max(int(until - read()), 0)
        found = ask(min(left, _AT_ONCE))
        if found["state"] not in {"computing", "stale"} or read() + 1 > until:
            session.screen.progress("")
            return found
        session.screen.progress("computing ...")
