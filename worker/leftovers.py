"""What an earlier agent of the same folder left behind: it is sent with its old tokens, and then completed."""

import shutil
from pathlib import Path

from service.wire.lease import Directive, Usage
from worker.board import Board
from worker.client import Client
from worker.delivery import Delivery
from worker.messages import Ended
from worker.outcome import failed
from worker.retry import Denied, Gone, Refused
from worker.spool import LOG, Spool, spools
from worker.timing import Timing


async def send(root: Path, client: Client, board: Board, timing: Timing) -> None:
    """Send all of it, oldest first. Before the worker introduces itself: that gives back what it held."""
    for folder in spools(root):
        spool = Spool.left(folder, board.warn)
        if spool is None:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        if spool.server != client.server:
            board.warn(f"{folder} belongs to the server {spool.server} and is left alone")
            continue
        await _send(spool, client, board, timing)


async def _send(spool: Spool, client: Client, board: Board, timing: Timing) -> None:
    delivery = Delivery(spool, spool.folder / LOG, client, timing, hear=_no_more, say=board.warn)
    board.say(f"{delivery.held}: sending what an earlier start of this worker left", event="leftover")
    try:
        ended = spool.ended or await _cut_off(delivery)
        await delivery.finish(ended, Usage())
    except Denied:
        raise  # it waits for a token that is let in
    except Gone:
        board.say(f"{delivery.held}: it was given to another meanwhile; what was left is dropped", event="gone")
        spool.drop()
    except Refused as refused:
        board.say(f"{delivery.held}: what was left cannot be sent: {refused.detail}", "error", "refused")
        spool.drop()
    finally:
        spool.close()


async def _cut_off(delivery: Delivery) -> Ended:
    """The end of an attempt whose agent was killed."""
    if delivery.spool.complete is None and await delivery.checkpoints.commit():
        return Ended(outcome="preempted", message="the worker was killed, and has started again")
    return failed("infra", "the worker was killed before there was a checkpoint")


def _no_more(directive: Directive) -> None:
    """Nothing runs that could be told anything."""
