"""`basin workers drain`, `undrain` and `forget`: which workers take trials."""

from typing import Annotated

import typer

from service.cli.command import command
from service.cli.session import Session
from service.cli.workers_read import WorkerArgument, named


@command("drain", "basin workers drain node-3", "basin workers drain node-3 --preempt --reason 'new driver'")
def drain(
    session: Session,
    worker: WorkerArgument,
    preempt: Annotated[
        bool,
        typer.Option("--preempt", metavar="", help="What runs there saves a checkpoint and goes elsewhere at once."),
    ] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for others to read.")] = "",
) -> None:
    """Let a worker take no more trials. What runs there finishes, unless it is to be preempted."""
    body = {"running": "preempt" if preempt else "finish", "reason": reason}
    drained = session.client.drain_worker(named(session, worker)["id"], body)
    if session.screen.data(drained):
        return
    left = len(drained["held"])
    what = "nothing runs there" if not left else f"{left} still run there"
    session.screen.note(f"{drained['name']} takes no more trials; {what}.")


@command("undrain", "basin workers undrain node-3")
def undrain(session: Session, worker: WorkerArgument) -> None:
    """Let a worker take trials again, also one that the server has drained for its failures."""
    found = session.client.undrain_worker(named(session, worker)["id"])
    if not session.screen.data(found):
        session.screen.note(f"{found['name']} takes trials again.")


@command("forget", "basin workers forget node-3", output=False)
def forget(session: Session, worker: WorkerArgument) -> None:
    """Take a worker that is gone from the list. One that lives introduces itself again."""
    found = named(session, worker)
    session.client.forget_worker(found["id"])
    session.screen.note(f"Forgot {found['name']}.")
