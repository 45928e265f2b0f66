"""The process that samples: `python -m service.search.remote IN OUT`, with the numbers of two pipes."""

import os
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from service.search.remote.loop import serve

# Whoever waits for an answer over HTTP goes first: suggestions are made ahead.
_NICENESS = 5


def main(requests_pipe: int, answers_pipe: int) -> None:
    """Serve until the other end of the pipe is closed: in the middle of a call, too."""
    os.nice(_NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests: Connection[Any, Any] = Connection(requests_pipe, writable=False)
    answers: Connection[Any, Any] = Connection(answers_pipe, readable=False)
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read() -> None:
        try:
            while True:
                inbox.put(requests.recv())
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=read, name="basin-requests", daemon=True).start()
    serve(inbox.get, answers.send)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
