"""What those who run trials tell: points of the curve, many callers' in one commit, and the end of an attempt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.domain.actor import LOCAL, Actor
from service.domain.errors import (
    AttemptNotFound,
    BasinError,
    DataDiffer,
    Invalid,
    NotFound,
    NotYourAttempt,
    SeqGap,
    StaleLease,
)
from service.domain.stopping import Stop
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Point
from service.usecases import resuming
from service.usecases.ports import Transaction
from service.usecases.reviving import revived
from service.usecases.stopping import Watches, decision, told
from service.wire.lease import Directive, Report, Reported
from service.wire.problem import FieldError

GO_ON = Directive(type="continue")


@dataclass(frozen=True, slots=True)
class ReportItem:
    """One report, with the address of its attempt."""

    study: str
    number: int
    attempt: int
    report: Report
    ttl_seconds: float
    actor: Actor = LOCAL


@dataclass(frozen=True, slots=True)
class Taken:
    """A report that was taken in: its answer, and what a judge needs to know.

    `before` is the last step before it; `resumes` says whether its client can go on with a trial that was paused.
    """

    answer: Reported
    study: Study
    key: AttemptKey
    before: int | None
    points: tuple[Point, ...]
    resumes: bool = False


Decide = Callable[[int, Taken, Attempt], Attempt]


def report_together(
    tx: Transaction, items: Sequence[ReportItem], watches: Watches | None = None, decide: Decide | None = None
) -> Sequence[Taken | BaseException]:
    """Take in many reports: one look at their attempts, one insert, one update. Each is accepted whole or refused.

    `watches` are what this process remembers of the curves; without them they are read again where a rule needs them.
    `decide` is given each that was accepted with its place, and tells its attempt what has been decided of it.
    """
    watches = watches or Watches()
    studies = _studies(tx, {item.study for item in items})
    keys = {key for item in items if (key := _key(studies[item.study], item)) is not None}
    attempts = dict(tx.attempts.lock(sorted(keys, key=_order)))
    results: list[Taken | BaseException] = []
    told_points: list[Point] = []
    changed: dict[AttemptKey, Attempt] = {}
    stops: dict[AttemptKey, Stop] = {}
    for place, item in enumerate(items):
        study = studies[item.study]
        try:
            if isinstance(study, NotFound):
                raise study
            key = AttemptKey(study.id, item.number, item.attempt)
            found, ttl = attempts.get(key), item.ttl_seconds
            found = revived(tx, study, found, item.report.token, item.actor, ttl_seconds=ttl)
            before = live(found, key, item.report.token, item.actor)
            attempt, new = take(before, item.report, tx.now, ttl)
            studies[item.study] = study = agreeing(tx, study, item.report.data_fingerprint)
            stop = watches.look(tx, study, before, new) if new and not _stopped(before) else None
            if stop is not None and _rules(tx, key, stop):
                stops[key] = stop
                attempt = attempt.told(told(stop))
        except BasinError as refusal:
            results.append(refusal)
            continue
        told_points += new
        answer = Reported(acked_seq=attempt.acked_seq, directive=attempt.directive or GO_ON)
        taken = Taken(answer, study, key, before.last_step, tuple(new), attempt.resumes)
        attempts[key] = changed[key] = attempt if decide is None else decide(place, taken, attempt)
        results.append(taken)
    tx.points.append(told_points)
    tx.attempts.progress(list(changed.values()))
    compared = resuming.compare(tx, changed.values(), studies.values())
    if compared:
        tx.attempts.save(list(compared.values()))
    tx.decisions.append([decision(key, stop, tx.now) for key, stop in stops.items()])
    return results


def _stopped(attempt: Attempt) -> bool:
    """Whether it has been told to stop already: nothing more is decided of it."""
    return attempt.directive is not None and attempt.directive.type == "stop"


def _rules(tx: Transaction, key: AttemptKey, stop: Stop) -> bool:
    """Whether a rule holds for a trial: one that is trained on everything has nothing to be patient about."""
    return stop.rule not in {"patience", "target"} or tx.trials.get(key.study_id, key.number).purpose != "refit"


def take(attempt: Attempt, report: Report, now: datetime, ttl_seconds: float) -> tuple[Attempt, list[Point]]:
    """The attempt after a report, and the points that are new in it; refuses what is torn or out of order."""
    known = attempt.acked_seq + 1 - report.first_seq
    if known < 0:
        raise SeqGap(
            f"the report begins with point {report.first_seq}, the last one that is stored is {attempt.acked_seq}",
            acked_seq=attempt.acked_seq,
        )
    new = points(attempt.key, report)[known:]
    _steps_grow(attempt, new, known)
    renewed = now + timedelta(seconds=ttl_seconds)
    if not new:
        return replace(attempt, expires_at=renewed), new
    return (
        replace(
            attempt,
            state="running",
            expires_at=renewed,
            acked_seq=new[-1].seq,
            last_step=new[-1].step,
            last_metrics=new[-1].metrics,
        ),
        new,
    )


def points(key: AttemptKey, report: Report) -> list[Point]:
    """The points of a report, as they are stored."""
    return [
        Point(key=key, seq=seq, step=new.step, metrics=new.metrics, elapsed=new.elapsed, cost=new.cost)
        for seq, new in enumerate(report.points, start=report.first_seq)
    ]


def live(attempt: Attempt | None, key: AttemptKey, token: int, actor: Actor) -> Attempt:
    """The attempt, if it is this actor's and the holder of this fencing token may still write to it."""
    if attempt is None:
        raise AttemptNotFound(f"trial {key.number} has no attempt {key.attempt}")
    own(attempt, actor)
    if attempt.token != token:
        raise StaleLease(f"attempt {key.attempt} of trial {key.number} was not granted with token {token}")
    if not attempt.live:
        raise StaleLease(f"attempt {key.attempt} of trial {key.number} has ended: it is {attempt.state}")
    return attempt


def agreeing(tx: Transaction, study: Study, fingerprint: str | None) -> Study:
    """The study, if its trials are trained on these data; the first trial that tells says which they are."""
    if fingerprint is None or fingerprint == study.data_fingerprint:
        return study
    locked = tx.studies.lock(study.name)
    if locked.data_fingerprint is None:
        return tx.studies.save(replace(locked, data_fingerprint=fingerprint))
    if locked.data_fingerprint != fingerprint:
        raise DataDiffer(
            f"this trial is trained on data with fingerprint {fingerprint}, "
            f"but the first trial of study '{study.name}' was trained on data with {locked.data_fingerprint}"
        )
    return locked


def own(attempt: Attempt, actor: Actor) -> None:
    """Refuse a worker who was not granted this attempt."""
    if not actor.holds(attempt.holder):
        raise NotYourAttempt(
            f"attempt {attempt.key.attempt} of trial {attempt.key.number} was granted to another token"
        )


def _steps_grow(attempt: Attempt, points: Sequence[Point], offset: int) -> None:
    last = attempt.last_step
    errors = []
    for place, point in enumerate(points, start=max(offset, 0)):
        if last is not None and point.step <= last:
            text = f"must be greater than the step before it ({last}; is {point.step})"
            errors.append(FieldError(field=f"points[{place}].step", message=text))
        last = point.step
    if errors:
        raise Invalid.of(errors)


def _studies(tx: Transaction, names: set[str]) -> dict[str, Study | NotFound]:
    found: dict[str, Study | NotFound] = {}
    for name in sorted(names):
        try:
            found[name] = tx.studies.get(name)
        except NotFound as missing:
            found[name] = missing
    return found


def _key(study: Study | NotFound, item: ReportItem) -> AttemptKey | None:
    return AttemptKey(study.id, item.number, item.attempt) if isinstance(study, Study) else None


def _order(key: AttemptKey) -> tuple[int, int, int]:
    # All replicas lock attempts in one order, so that two batches never wait for each other.
    return (key.study_id, key.number, key.attempt)
