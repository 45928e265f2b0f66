"""What the routes are given to work with; put together in one place and handed to `create_app`."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request

from service.http.feed import Feed
from service.http.signing import SIGNATURE, Signed
from service.http.throttle import Throttle
from service.usecases.acquiring import Acquirer
from service.usecases.analysis.analyses import Analyses
from service.usecases.attendance import Attendance
from service.usecases.charting import Charts
from service.usecases.gathering import Gathering
from service.usecases.judging import Judge
from service.usecases.keeping import Keeper
from service.usecases.keyring import Keyring
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Store
from service.usecases.suggester import Suggester
from service.wire.problem import FieldError
from service.wire.study import StudyDefinition


@dataclass(frozen=True, kw_only=True)
class Services:
    """The parts that requests need, and the few settings that shape their answers."""

    store: Store
    mirrors: Mirrors
    draw_seed: Callable[[], int]
    draw_bytes: Callable[[int], bytes] = secrets.token_bytes
    refusals: Callable[[StudyDefinition], Sequence[FieldError]] = lambda _: ()
    created: Callable[[StudyDefinition], object] = lambda _: None
    suggester: Suggester | None = None
    judge: Judge | None = None
    analyses: Analyses | None = None
    charts: Charts | None = None
    reports: Callable[[str], Awaitable[bytes]] | None = None
    acquirer: Acquirer | None = None
    keeper: Keeper | None = None
    gathering: Gathering | None = None
    attendance: Attendance | None = None
    version: str
    lease_ttl_seconds: float = 60.0
    max_body_bytes: int = 2_000_000
    max_checkpoint_bytes: int = 16 * 2**30
    max_log_bytes: int = 8 * 2**20
    host: str = "127.0.0.1"
    allowed_hosts: tuple[str, ...] = ()
    trust_network: bool = False
    needs_tokens: bool = False
    keep_alive_seconds: float = 15.0


@dataclass(frozen=True)
class Served:
    """What an application holds while it runs."""

    services: Services
    feed: Feed
    keyring: Keyring
    throttle: Throttle


def served(request: Request) -> Services:
    """The services of the application that a request came to; what a change writes through them is signed."""
    held: Served = request.app.state.served
    signature = request.scope.get(SIGNATURE)
    if signature is None:
        return held.services
    return replace(held.services, store=Signed(held.services.store, signature))


def feed(request: Request) -> Feed:
    """The event feed of the application that a request came to."""
    held: Served = request.app.state.served
    return held.feed


def keyring(request: Request) -> Keyring:
    """The tokens that the application knows."""
    held: Served = request.app.state.served
    return held.keyring


def throttle(request: Request) -> Throttle:
    """How many wrong tokens the application still takes from whom."""
    held: Served = request.app.state.served
    return held.throttle
