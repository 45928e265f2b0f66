"""The other process as seen from the server: it is started, spoken to through two pipes, and ended."""

import subprocess
import sys
from multiprocessing import Pipe
from typing import Any

_END_SECONDS = 5.0


class Child:
    """One process. It ends by itself when our end of its pipe closes, also when we are killed."""

    def __init__(self) -> None:
        theirs, self._requests = Pipe(duplex=False)
        self._answers, answers = Pipe(duplex=False)
        pipes = (theirs.fileno(), answers.fileno())
        # A fresh interpreter, not a fork: of our threads and locks it would have a copy that nobody ever lets go.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "service.search.remote", *map(str, pipes)],
            pass_fds=pipes,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # Ctrl-C is meant for the server, which then ends its child.
            start_new_session=True,
        )
        theirs.close()
        answers.close()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def send(self, message: object) -> None:
        """Send it a message; OSError if it is gone."""
        self._requests.send(message)

    def spoken(self) -> bool:
        """Whether it has said something that was not received yet; OSError if it is gone."""
        return self._answers.poll(0)

    def receive(self, seconds: float) -> Any:
        """Its next message; EOFError or OSError if it is gone, TimeoutError if it has nothing to say for so long."""
        if not self._answers.poll(seconds):
            raise TimeoutError
        return self._answers.recv()

    def kill(self) -> None:
        """End it at once. Whoever waits for its answer learns that it is gone."""
        self._process.kill()

    def close(self) -> None:
        """Let go of a process that has ended or is to end."""
        self.kill()
        self._process.wait(_END_SECONDS)
        self._requests.close()
        self._answers.close()
