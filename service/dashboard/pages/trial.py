"""One trial: what became of it and why, what it was given, what it left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard import reasons
from service.dashboard.page import bare, page
from service.dashboard.pages.study import head
from service.dashboard.placing import searched, share
from service.dashboard.running import Places
from service.dashboard.tails import tail
from service.domain.decision import Decision
from service.domain.study import Study
from service.domain.trial import Attempt, Checkpoint, Trial
from service.http import convert
from service.http.services import served
from service.usecases import retrying
from service.usecases.ports import Transaction
from service.wire.message import Scalar

_DONE = {"continue": "goes on", "pause": "paused", "stop": "stopped", "promote": "promoted"}


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter as the trial was given it, where it lies in its range, and what the best trial has."""

    name: str
    value: Scalar
    share: float | None
    best: Scalar
    searched: bool
    differs: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to the trial."""

    at: datetime
    what: str


async def show(request: Request) -> Response:
    """The trial."""
    name, number = request.path_params["study"], request.path_params["number"]

    def read(tx: Transaction) -> Mapping[str, Any]:
        shown = head(request, tx, name, "trials")
        study: Study = shown["study"]
        trial = tx.trials.get(study.id, number)
        attempts = tx.attempts.list(study.id, number)
        decisions = tx.decisions.list(study.id, number)
        checkpoints = tx.checkpoints.list(study.id, number)
        attempt = attempts[-1] if attempts else None
        places = Places(shown["workers"])
        verdict, why = reasons.verdict(study, trial, attempt, decisions)
        best: Trial | None = shown["outline"].best
        return {
            **shown,
            "trial": trial,
            # What is written out must be a plain mapping.
            "params": dict(trial.params),
            "attrs": dict(trial.attrs),
            "attempts": attempts,
            "attempt": attempt,
            "place": places.of(attempt),
            "places": {one.key.attempt: places.of(one) for one in attempts},
            "decisions": decisions,
            "checkpoints": [convert.checkpoint(name, one) for one in checkpoints],
            "verdict": verdict,
            "why": why,
            "retried": retrying.may_retry(trial, attempt),
            "chosen": reasons.chosen(trial),
            "settings": settings(study, trial, best),
            "moments": moments(trial, attempts, decisions, checkpoints),
            "tail": tail(tx, trial),
            "last": attempt.last_metrics if attempt is not None else None,
            "previous": max((one for one in shown["trials"] if one < number), default=None),
            "next": min((one for one in shown["trials"] if one > number), default=None),
        }

    return await page(request, "study/trial.html", read)


async def why(request: Request) -> Response:
    """Where its parameters come from: this is worked out when somebody asks."""
    name, number = request.path_params["study"], request.path_params["number"]
    analyses = served(request).analyses
    assert analyses is not None, "the server was put together without an analyst"
    told = await analyses.explain(name, number)
    return bare(request, "study/why.html", study=name, number=number, told=told)


def settings(study: Study, trial: Trial, best: Trial | None) -> Sequence[Setting]:
    """All that the trainer was given."""
    space = study.definition.space
    known = {} if best is None or best.number == trial.number else convert.resolved(study, best)
    return [
        Setting(
            name,
            value,
            share(space.get(name), value),
            known.get(name),
            name in space and searched(space[name]),
            bool(known) and known.get(name) != value,
        )
        for name, value in convert.resolved(study, trial).items()
    ]


def moments(
    trial: Trial, attempts: Sequence[Attempt], decisions: Sequence[Decision], checkpoints: Sequence[Checkpoint]
) -> Sequence[Moment]:
    """What happened to it, in its order; of decisions to go on only those at rungs with a cut are told."""
    found = [Moment(trial.created_at, {"sampled": "suggested", "enqueued": "enqueued"}.get(trial.origin, "added"))]
    for one in attempts:
        again = f", attempt {one.key.attempt}" if len(attempts) > 1 else ""
        resumed = f", goes on from step {one.resume_step}" if one.resume_step is not None else ""
        found.append(Moment(one.granted_at, f"leased to {one.worker}{again}{resumed}"))
        if one.ended_at is not None:
            why = f": {one.failure.failure_class}" if one.failure is not None else ""
            found.append(Moment(one.ended_at, f"attempt {one.state}{why}"))
    found += [Moment(one.at, f"step {one.step}: {_DONE[one.act]}{_cut(one)}") for one in decisions]
    found += [Moment(one.committed_at, f"checkpoint of step {one.step}") for one in checkpoints]
    return sorted(found, key=lambda one: one.at)


def _cut(decision: Decision) -> str:
    cut, rank = (decision.basis.get(name) for name in ("cut", "rank"))
    told = [f"cut {cut:.4g}"] if isinstance(cut, int | float) else []
    told += [f"rank {rank}"] if rank is not None else []
    return f" ({', '.join(told)})" if told else ""
