"""What a command finds around it: environment, clock and network. Tests bring their own."""

import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loaded by the first command that speaks to a server
    import httpx2

COMPLETION = "_BASIN_COMPLETE"
"""The variable with which a shell asks for completions."""

# Seconds. A server that has not answered yet is probably not there; one that has is worth waiting for.
FIRST_PATIENCE = 2.0
PATIENCE = 60.0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class World:
    """The outside, as values and functions."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    transport: "httpx2.BaseTransport | None" = None
    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
