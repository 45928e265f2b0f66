"""Lets calls that are in no hurry wait for one another, so that one commit carries them all."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Gathering:
    """The first who comes waits for `seconds`, whoever comes meanwhile for what is left of them; then all go on."""

    seconds: float
    _next: "asyncio.Future[None] | None" = field(default=None, init=False)

    async def wait(self) -> None:
        """Wait for the others."""
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = loop.create_future()
            loop.call_later(self.seconds, self._go_on)
        # One who is cancelled must not take the others with it.
        await asyncio.shield(self._next)

    def _go_on(self) -> None:
        gathered, self._next = self._next, None
        if gathered is not None:
            gathered.set_result(None)
