"""From the domain to the wire: what clients are shown of studies, trials and what they leave."""

from dataclasses import asdict
from datetime import datetime

from service.domain import audit as domain_audit
from service.domain import event as domain_event
from service.domain import space, trial
from service.domain import token as domain_token
from service.domain.decision import Decision
from service.domain.study import Study
from service.http.addresses import study_path
from service.usecases.checkpointing import address
from service.usecases.choosing import taken_from
from service.usecases.reading import StudyView, TrialView
from service.usecases.workers import WorkerView
from service.wire import audit as wire_audit
from service.wire import event as wire_event
from service.wire import study as wire_study
from service.wire import token as wire_token
from service.wire import trial as wire_trial
from service.wire import worker as wire_worker
from service.wire.space import ConstantParameter, DerivedParameter
from service.wire.warm_start import CameFrom


def study(view: StudyView) -> wire_study.Study:
    """A study as it stands."""
    it, best = view.study, view.best
    return wire_study.Study(
        name=it.name,
        state=it.state,
        reason=it.reason,
        archived=it.archived,
        definition=it.definition,
        revision=it.revision,
        seq=it.seq,
        trials=wire_study.TrialCounts.model_validate(view.counts),
        best=None if best is None else _best(best),
        data_fingerprint=it.data_fingerprint,
        created_by=it.created_by,
        created_at=it.created_at,
        updated_at=it.updated_at,
    )


def _best(it: trial.Trial) -> wire_study.BestTrial:
    source = taken_from(it)
    return wire_study.BestTrial(
        number=it.number,
        values=dict(it.values or {}),
        params=dict(it.params),
        origin=it.origin,
        came_from=CameFrom(study=source[0], number=source[1]) if source else None,
    )


def trial_of(view: TrialView) -> wire_trial.Trial:
    """A trial as it stands."""
    it, attempt = view.trial, view.attempt
    last = attempt.last_metrics if attempt else None
    return wire_trial.Trial(
        study=view.study.name,
        number=it.number,
        state=it.state,
        origin=it.origin,
        purpose=it.purpose,
        rerun_of=it.rerun.of if it.rerun else None,
        params=dict(it.params),
        resolved=resolved(view.study, it),
        values=None if it.values is None else dict(it.values),
        suggestion=None if it.suggestion is None else dict(it.suggestion),
        attrs=dict(it.attrs),
        attempts=it.attempts,
        last_step=attempt.last_step if attempt else None,
        last_metrics=None if last is None else dict(last),
        failure=it.failure,
        seq=it.seq,
        created_at=it.created_at,
        started_at=it.started_at,
        finished_at=it.finished_at,
    )


def resolved(of: Study, it: trial.Trial) -> dict[str, bool | int | float | str | None]:
    """What the trainer is given: what is searched, with the constants and derived values."""
    definition = of.definition.space
    if not any(isinstance(parameter, ConstantParameter | DerivedParameter) for parameter in definition.values()):
        return dict(it.params)
    return space.resolve(definition, it.params)


def point(it: trial.Point) -> wire_trial.Point:
    """One point of a learning curve."""
    return wire_trial.Point(
        attempt=it.key.attempt,
        step=it.step,
        metrics=dict(it.metrics),
        elapsed=it.elapsed,
        cost=it.cost,
        superseded=it.superseded,
    )


def attempt(it: trial.Attempt) -> wire_trial.Attempt:
    """One lease of a trial."""
    return wire_trial.Attempt(
        attempt=it.key.attempt,
        state=it.state,
        worker=it.worker,
        granted_at=it.granted_at,
        expires_at=it.expires_at,
        ended_at=it.ended_at,
        last_step=it.last_step,
        failure=it.failure,
        gpu_seconds=it.gpu_seconds,
        resumes=it.resumes,
        worker_id=it.worker_id,
        gpu=it.gpu,
        resume_step=it.resume_step,
        directive_id=it.directive.id if it.directive is not None else None,
        obeyed=it.obeyed,
        continuity=None if it.continuity is None else wire_trial.Continuity.model_validate(asdict(it.continuity)),
    )


def decision(it: Decision) -> wire_trial.Decision:
    """One decision, with as much of its basis as there is."""
    basis = {name: it.basis.get(name) for name in ("rule", "rung", "value", "cut", "rank", "n")}
    at = {"attempt": it.key.attempt, "step": it.step, "at": it.at}
    return wire_trial.Decision.model_validate({**at, **basis, "act": it.act, "reason": it.reason})


def checkpoint(name: str, it: trial.Checkpoint) -> wire_trial.Checkpoint:
    """One committed checkpoint of a study of this name."""
    return wire_trial.Checkpoint(
        attempt=it.key.attempt,
        step=it.step,
        uri=address(name, it),
        sha256=it.sha256,
        size=it.size,
        committed_at=it.committed_at,
        stored=it.artifact is not None,
    )


def worker(view: WorkerView) -> wire_worker.Worker:
    """A worker as it stands."""
    it = view.worker
    use = {one.uuid: one.model_dump(exclude={"uuid"}) for one in it.use}
    return wire_worker.Worker(
        id=it.id,
        name=it.name,
        state=it.state(view.now),
        reason=it.reason,
        agent_version=it.agent_version,
        python_version=it.python_version,
        labels=dict(it.labels),
        gpus=tuple(
            wire_worker.GpuState.model_validate({**gpu.model_dump(), **use.get(gpu.uuid, {})}) for gpu in it.gpus
        ),
        slots=it.slots,
        trainers=it.trainers,
        held=tuple(
            wire_worker.HeldAttempt(study=name, trial=one.key.number, attempt=one.key.attempt, gpu=one.gpu)
            for name, one in view.held
        ),
        clock_skew_seconds=it.clock_skew,
        first_seen_at=it.first_seen_at,
        last_seen_at=it.last_seen_at,
    )


def event(it: domain_event.Event) -> wire_event.Event:
    """One thing that happened."""
    return wire_event.Event(
        id=it.id,
        type=it.type,
        study=it.study,
        trial=it.trial,
        worker=it.worker,
        seq=it.seq,
        data=dict(it.data),
        at=it.at,
    )


def token(it: domain_token.Token, now: datetime) -> wire_token.Token:
    """A token as it stands at a moment."""
    return wire_token.Token(
        id=it.id,
        name=it.name,
        role=it.role,
        state=it.state(now),
        created_at=it.created_at,
        created_by=it.created_by,
        expires_at=it.expires_at,
        revoked_at=it.revoked_at,
        last_used_at=it.last_used_at,
    )


def entry(it: domain_audit.Entry) -> wire_audit.AuditEntry:
    """One entry of the audit log."""
    return wire_audit.AuditEntry(
        id=it.id,
        at=it.at,
        actor=it.actor,
        token_id=it.token,
        role=it.role,
        request_id=it.request_id,
        operation=it.operation,
        object=it.object,
        detail=dict(it.detail),
    )


def trial_path(name: str, number: int) -> str:
    """The address of a trial."""
    return f"{study_path(name)}/trials/{number}"
