"""How a checkpoint that a client keeps somewhere becomes one that the trial can go on from."""

from dataclasses import replace
from datetime import timedelta

from service.domain.actor import LOCAL, Actor
from service.domain.errors import Invalid
from service.domain.trial import Attempt, AttemptKey, Checkpoint
from service.usecases.ports import Transaction
from service.usecases.reporting import live, own
from service.wire.lease import NewCheckpoint


def commit(
    tx: Transaction,
    study: str,
    number: int,
    attempt: int,
    step: int,
    body: NewCheckpoint,
    *,
    ttl_seconds: float,
    actor: Actor = LOCAL,
) -> Checkpoint:
    """Commit a checkpoint and renew the lease; the same one again changes nothing, another one takes its place."""
    key = AttemptKey(tx.studies.get(study).id, number, attempt)
    found = tx.attempts.lock([key]).get(key)
    there = next(
        (one for one in tx.checkpoints.list(key.study_id, number) if one.key == key and one.step == step), None
    )
    same = there is not None and (there.uri, there.sha256, there.size) == (body.uri, body.sha256, body.size)
    if there is not None and same and found is not None and found.token == body.token:
        own(found, actor)
        return there
    current = live(found, key, body.token, actor)
    _lies_on_the_curve(current, step)
    saved = Checkpoint(key=key, step=step, uri=body.uri, sha256=body.sha256, size=body.size, committed_at=tx.now)
    tx.checkpoints.add(saved)
    tx.attempts.progress([replace(current, expires_at=tx.now + timedelta(seconds=ttl_seconds))])
    return saved


def _lies_on_the_curve(attempt: Attempt, step: int) -> None:
    """Refuse a step that was not reported: going on from it would leave a hole in the curve, or go back for nothing."""
    least = attempt.resume_step or 0
    most = max(least, attempt.last_step or 0)
    if step > most:
        raise Invalid.field("step", f"must not be beyond the last step that was reported ({most}): report first")
    if step < least:
        raise Invalid.field("step", f"must not be before the step that the attempt went on from ({least})")
