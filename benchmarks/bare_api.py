"""The least that an answer to a report can cost: FastAPI, uvicorn, and nothing behind them."""

import socket
import sys

import uvicorn
from fastapi import FastAPI

from service.wire.lease import Directive, Report, Reported

app = FastAPI()


@app.post("/{path:path}")
async def report(path: str, body: Report) -> Reported:  # noqa: ARG001
    """Read a report and acknowledge it, without keeping it."""
    return Reported(acked_seq=body.first_seq, directive=Directive(type="continue"))


if __name__ == "__main__":
    listening = socket.socket()
    listening.bind(("127.0.0.1", int(sys.argv[1])))
    listening.listen(2048)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])
