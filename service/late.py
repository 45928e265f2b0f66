"""Parts that are made when they are first used: what they are made of takes long to load, and nobody waits for it.

One is made at a time, whoever asks: modules that import each other in a circle must not be loaded by two threads.
"""

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
_ONE_AT_A_TIME = threading.RLock()


class Late(Generic[T]):
    """A part, and how it is made."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []

    def get(self) -> T:
        """The part: it is made now, if it has not been."""
        if not self._made:
            with _ONE_AT_A_TIME:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]

    @property
    def made(self) -> T | None:
        """The part, if it has been made."""
        return self._made[0] if self._made else None

    def stand_in(self) -> T:
        """What is handed on in the part's place: whatever is asked of it makes the part."""
        return cast(T, _StandIn(self))


class _StandIn:
    def __init__(self, late: Late[Any]) -> None:
        self._late = late

    def __getattr__(self, name: str) -> Any:
        return getattr(self._late.get(), name)

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._late.get()(*given, **named)
