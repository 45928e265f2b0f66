"""What signals mean to a worker.

* SIGTERM, SIGINT, SIGHUP   leave: checkpoint what runs, give it back, end with 0 within the grace
* any of them again         end at once: 128 and the number of the signal
* SIGUSR1                   drain: finish what runs, take no more (Slurm: `#SBATCH --signal=B:USR1@600`)
"""

import asyncio
import contextlib
import signal
from collections.abc import Iterator

from worker.agent import Agent
from worker.board import Board

_LEAVE = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """The signals of this process, while a worker runs in it."""

    def __init__(self, agent: Agent, board: Board) -> None:
        self._agent = agent
        self._board = board
        self._leaving = False
        self.exit_code = 0

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Answer signals; one that was ignored before (`nohup`) stays ignored."""
        loop = asyncio.get_running_loop()
        handled = [one for one in _LEAVE if signal.getsignal(one) is not signal.SIG_IGN]
        for one in handled:
            loop.add_signal_handler(one, self.leave, one)
        loop.add_signal_handler(signal.SIGUSR1, self.drain)
        try:
            yield
        finally:
            for one in (*handled, signal.SIGUSR1):
                loop.remove_signal_handler(one)

    def leave(self, number: signal.Signals) -> None:
        """The first: leave. The second: now."""
        if not self._leaving:
            self._leaving = True
            self._board.say(f"{number.name}: this worker leaves; once more ends it at once", event="signal")
            self._agent.hasten("leave")
            return
        self.exit_code = 128 + number
        self._board.warn(f"{number.name} again: everything ends now; what was not sent is sent at the next start")
        self._agent.hasten("abort")

    def drain(self) -> None:
        """Take no more trials."""
        self._board.say("SIGUSR1: this worker finishes what runs, and then ends", event="signal")
        self._agent.hasten("drain")
