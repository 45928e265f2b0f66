"""How a checkpoint becomes one that the trial can go on from, wherever it is kept, and which ones go for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import quote

from service.domain import retention
from service.domain.actor import LOCAL, Actor
from service.domain.errors import CheckpointEvicted, CheckpointNotFound, Invalid
from service.domain.study import Study
from service.domain.trial import ARTIFACT, Attempt, AttemptKey, Checkpoint
from service.usecases.ports import Transaction
from service.usecases.reporting import live, own
from service.usecases.reviving import revived
from service.wire.lease import NewCheckpoint


@dataclass(frozen=True, slots=True)
class Committed:
    """A committed checkpoint, its study, and the names of the artifacts that nobody needs any more for it."""

    study: Study
    checkpoint: Checkpoint
    unneeded: tuple[str, ...] = ()


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
) -> Committed:
    """Commit a checkpoint and renew the lease; the same one again changes nothing, another one takes its place."""
    target = tx.studies.get(study)
    key = AttemptKey(target.id, number, attempt)
    found = tx.attempts.lock([key]).get(key)
    there = tx.checkpoints.get(key, step)
    here = there is not None and there.evicted_at is None
    same = there is not None and (there.uri, there.sha256, there.size) == (body.uri, body.sha256, body.size)
    if there is not None and here and same and found is not None and found.token == body.token:
        own(found, actor)
        return Committed(target, there)
    found = revived(tx, target, found, body.token, actor, ttl_seconds=ttl_seconds)
    current = live(found, key, body.token, actor)
    lies_on_the_curve(current, step)
    saved = Checkpoint(key=key, step=step, uri=body.uri, sha256=body.sha256, size=body.size, committed_at=tx.now)
    tx.checkpoints.add(saved)
    tx.attempts.progress([replace(current, expires_at=tx.now + timedelta(seconds=ttl_seconds))])
    unneeded = {one.artifact for one in _evict(tx, target, number)}
    if there is not None and there.artifact != saved.artifact:
        unneeded.add(there.artifact)
    return Committed(target, saved, tuple(sorted(name for name in unneeded if name is not None)))


def kept_elsewhere(body: NewCheckpoint) -> NewCheckpoint:
    """Refuse the address of a checkpoint that only the server itself may give."""
    if body.uri.startswith(ARTIFACT):
        raise Invalid.field("uri", f"must not begin with {ARTIFACT!r}: send the bytes, and the server keeps them")
    return body


def artifact(tx: Transaction, study: str, number: int, attempt: int, step: int) -> tuple[str, Checkpoint]:
    """The name of the artifact that a checkpoint's bytes are kept under."""
    trial = tx.trials.get(tx.studies.get(study).id, number)
    found = tx.checkpoints.get(AttemptKey(trial.study_id, number, attempt), step)
    if found is None:
        raise CheckpointNotFound(f"attempt {attempt} of trial {number} has no checkpoint of step {step}")
    if found.evicted_at is not None:
        raise CheckpointEvicted(f"the checkpoint of step {step} was removed at {found.evicted_at:%Y-%m-%d %H:%M:%SZ}")
    if found.artifact is None:
        raise CheckpointNotFound(f"the checkpoint is not kept by this server but at {found.uri}", uri=found.uri)
    return found.artifact, found


def address(study: str, checkpoint: Checkpoint) -> str:
    """Where a checkpoint can be had: its own address, or the one of this server that answers its bytes."""
    if checkpoint.artifact is None:
        return checkpoint.uri
    key = checkpoint.key
    trial = f"/v1/studies/{quote(study, safe='')}/trials/{key.number}"
    return f"{trial}/attempts/{key.attempt}/checkpoints/{checkpoint.step}"


def lies_on_the_curve(attempt: Attempt, step: int) -> None:
    """Refuse a step that was not reported: going on from it would leave a hole in the curve, or go back for nothing."""
    least = attempt.resume_step or 0
    most = max(least, attempt.last_step or 0)
    if step > most:
        raise Invalid.field("step", f"must not be beyond the last step that was reported ({most}): report first")
    if step < least:
        raise Invalid.field("step", f"must not be before the step that the attempt went on from ({least})")


def _evict(tx: Transaction, study: Study, number: int) -> Sequence[Checkpoint]:
    """Let those go that the study does not keep, now that there is a new one."""
    wanted = study.definition.checkpoints
    gone = list(retention.superseded(tx.checkpoints.list(study.id, number), wanted.keep_last))
    tx.checkpoints.evict(gone)
    if wanted.max_bytes is not None and tx.checkpoints.stored_bytes(study.id) > wanted.max_bytes:
        kept = tx.checkpoints.stored(study.id)
        trials = tx.trials.pick(study.id, sorted({one.key.number for one in kept}))
        more = retention.over_limit(kept, trials, study.definition.objectives[0], wanted.max_bytes)
        tx.checkpoints.evict(more)
        gone += more
    return gone
