"""Heartbeats: many workers', and all that each of them holds, in a few statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from service.domain.actor import LOCAL, Actor
from service.domain.errors import BasinError, NotFound
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey
from service.domain.worker import Worker
from service.usecases import workers
from service.usecases.attendance import REST_TTLS
from service.usecases.ports import Transaction
from service.usecases.record import worker_event
from service.usecases.reviving import revived
from service.wire.lease import Directive
from service.wire.worker import Heartbeat, HeartbeatAnswer, Held, HeldAnswer

_PRECISION = 0.05
"""Of the time to live: a worker that was seen so lately, and has nothing new to tell, is not written down again."""

_GONE = Directive(type="stop", reason="it was given to another worker, or has ended")
_DELETED = Directive(type="stop", reason="the study is gone")


@dataclass(frozen=True, slots=True)
class Beat:
    """One heartbeat, with the id of its worker and who sends it."""

    worker_id: str
    body: Heartbeat
    ttl_seconds: float
    actor: Actor = LOCAL
    waits: bool = False
    """Whether the worker is known to wait for trials, which says that it lives."""


def beat_together(tx: Transaction, beats: Sequence[Beat]) -> Sequence[HeartbeatAnswer | BaseException]:
    """Take in many heartbeats: one look at the workers, one at all that they hold, one update of each."""
    known = dict(tx.workers.lock(sorted({beat.worker_id for beat in beats})))
    studies = _studies(tx, {held.study for beat in beats for held in beat.body.leases})
    keys = {key for beat in beats for held in beat.body.leases if (key := _key(studies, held)) is not None}
    attempts = dict(tx.attempts.lock(sorted(keys, key=_order)))
    before = dict(attempts)
    answers: list[HeartbeatAnswer | BaseException] = []
    seen: dict[str, Worker] = {}
    leaving: list[str] = []
    for beat in beats:
        try:
            worker = workers.expect(known.get(beat.worker_id), beat.worker_id, beat.body.instance)
        except BasinError as refusal:
            answers.append(refusal)
            continue
        held = tuple(_renewed(tx, studies, attempts, beat, one) for one in beat.body.leases)
        after = _seen(tx, worker, beat)
        if _worth_writing(worker, after, beat.ttl_seconds):
            seen[worker.id] = known[worker.id] = after
        if beat.body.leaving:
            leaving.append(worker.id)
        answers.append(
            HeartbeatAnswer(
                leases=held,
                directive=workers.told(after),
                clock_skew_seconds=after.clock_skew,
                heartbeat_seconds=_next(beat),
            )
        )
    _write(tx, before, attempts)
    tx.workers.save(list(seen.values()))
    for worker_id in leaving:
        workers.give_up(tx, worker_id, "the worker has left")
    return answers


def _next(beat: Beat) -> float:
    """When to beat again: who holds nothing has more time."""
    if beat.body.leases:
        return beat.ttl_seconds / workers.HEARTBEATS_PER_TTL
    return beat.ttl_seconds * REST_TTLS if beat.waits else beat.ttl_seconds / workers.IDLE_HEARTBEATS_PER_TTL


def _renewed(
    tx: Transaction,
    studies: Mapping[str, Study],
    attempts: dict[AttemptKey, Attempt],
    beat: Beat,
    held: Held,
) -> HeldAnswer:
    """Renew one lease, unless it was given to another or has ended."""
    key = _key(studies, held)
    place = {"study": held.study, "trial": held.trial, "attempt": held.attempt}
    if key is None:
        return HeldAnswer.model_validate({**place, "state": "gone", "directive": _DELETED})
    attempt = attempts.get(key)
    attempt = revived(tx, studies[held.study], attempt, held.token, beat.actor, ttl_seconds=beat.ttl_seconds)
    mine = attempt is not None and attempt.token == held.token and beat.actor.holds(attempt.holder)
    if attempt is None or not mine or not attempt.live:
        return HeldAnswer.model_validate({**place, "state": "gone", "directive": _GONE})
    renewed = replace(
        attempt,
        expires_at=tx.now + timedelta(seconds=beat.ttl_seconds),
        gpu=held.gpu or attempt.gpu,
        obeyed=held.obeyed or attempt.obeyed,
    )
    attempts[key] = renewed
    directive = attempt.directive or workers.GO_ON
    return HeldAnswer.model_validate({**place, "state": "renewed", "directive": directive})


def _seen(tx: Transaction, worker: Worker, beat: Beat) -> Worker:
    """The worker after a heartbeat; tells of it if it comes or goes."""
    body = beat.body
    after = replace(
        worker,
        present=not body.leaving,
        use=body.gpus or worker.use,
        clock_skew=workers.skew(body.clock, tx.now),
        last_seen_at=tx.now,
        expires_at=tx.now if body.leaving else tx.now + timedelta(seconds=beat.ttl_seconds),
    )
    if body.leaving and worker.present:
        worker_event(tx, after, "worker.offline", reason="it has left")
    elif not body.leaving and worker.state(tx.now) == "offline":
        worker_event(tx, after, "worker.online")
    return after


def _worth_writing(before: Worker, after: Worker, ttl_seconds: float) -> bool:
    moved = (after.last_seen_at - before.last_seen_at).total_seconds() >= _PRECISION * ttl_seconds
    same = replace(before, last_seen_at=after.last_seen_at, expires_at=after.expires_at) == after
    return moved or not same or not after.present


def _write(tx: Transaction, before: Mapping[AttemptKey, Attempt], after: Mapping[AttemptKey, Attempt]) -> None:
    """Write the new times of all, and where it is new, on which GPU it runs and what was obeyed."""
    renewed = [one for key, one in after.items() if one is not before[key]]
    told = [one for one in renewed if _told(one) != _told(before[one.key])]
    tx.attempts.progress(renewed)
    if told:
        tx.attempts.save(told)


def _told(attempt: Attempt) -> tuple[str | None, int | None]:
    return attempt.gpu, attempt.obeyed


def _studies(tx: Transaction, names: set[str]) -> dict[str, Study]:
    found = {}
    for name in sorted(names):
        try:
            found[name] = tx.studies.get(name)
        except NotFound:
            continue
    return found


def _key(studies: Mapping[str, Study], held: Held) -> AttemptKey | None:
    study = studies.get(held.study)
    return AttemptKey(study.id, held.trial, held.attempt) if study is not None else None


def _order(key: AttemptKey) -> tuple[int, int, int]:
    return (key.study_id, key.number, key.attempt)
