"""The writes that wait for the writer: those for whose answer somebody sits idle go first, as long as few wait."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.usecases.ports import Together, Transaction

FEW = 4
"""Where more wait than so many, all go in their order and share their commits: that takes the least time for all."""
GATHERING = 0.004
"""For so many seconds a crowd that was served together is given time to come together again."""
ABSENT = object()


@dataclass(slots=True, eq=False)
class Waiting:
    """A write that waits for its commit: work of its own, or an item of work that is done together."""

    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop
    work: Callable[[Transaction], Any] | None = None
    together: Together[Any, Any] | None = None
    item: Any = None
    urgent: bool = False
    result: Any = field(default=ABSENT)


class Line:
    """Those who wait, in two rows."""

    def __init__(self) -> None:
        self._urgent: deque[Waiting] = deque()
        self._others: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._passed = False
        self._crowd = 0
        self._wanted = 1

    def __len__(self) -> int:
        return len(self._urgent) + len(self._others)

    def hurries(self, taken: int = 0) -> bool:
        """Whether somebody should be let pass, also by so many who were taken and have not been served."""
        return bool(self._urgent) and len(self) + taken <= FEW

    def add(self, waiting: Waiting) -> None:
        """Stand at the end."""
        with self._changed:
            (self._urgent if waiting.urgent else self._others).append(waiting)
            if waiting.urgent or len(self) >= self._wanted:
                self._changed.notify()

    def again(self, left: Sequence[Waiting]) -> None:
        """Stand in front again: somebody was let pass."""
        with self._changed:
            self._others.extendleft(reversed(left))

    def take(self, most: int) -> list[Waiting]:
        """Wait for a first one, then take all that are to go together; nothing once the line is closed and empty.

        After the urgent it is the others' turn, whoever has come meanwhile: nobody is passed twice by the same ones.
        """
        with self._changed:
            self._wait_for(1, None)
            if self._crowd > FEW:
                # Callers who were answered together are back within moments, and a commit for each costs most of all.
                self._wait_for(self._crowd, GATHERING)
            self._crowd = min(len(self), most)
            apart = self.hurries() and bool(self._others)
            passes = apart and not self._passed
            rows = [self._urgent] if passes else [self._others] if apart else [self._urgent, self._others]
            self._passed = passes
            taken: list[Waiting] = []
            for row in rows:
                while row and len(taken) < most:
                    taken.append(row.popleft())
            return taken

    def _wait_for(self, many: int, seconds: float | None) -> None:
        """Wait until so many stand here, or somebody hurries, or the line is closed."""
        self._wanted = many
        self._changed.wait_for(lambda: len(self) >= many or self.hurries() or self._closed, seconds)

    def close(self) -> None:
        """Let nobody wait for more to come."""
        with self._changed:
            self._closed = True
            self._changed.notify()
