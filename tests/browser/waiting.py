"""Waiting for what a page is to show: asked again and again, for the policy keeps `wait_for_function` out."""

import time
from collections.abc import Callable
from typing import Any

from tests.patience import PATIENCE


def until(seen: Callable[[], Any], what: str = "it", seconds: float = PATIENCE) -> float:
    """Wait until something holds; answers for how long that was."""
    begun = time.monotonic()
    while not seen():
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"{what} did not come within {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - begun
