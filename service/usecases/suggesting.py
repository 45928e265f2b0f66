"""How a suggestion becomes a queued trial, how one that nobody has taken is made anew, and how a paused one goes on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from service.domain import budget
from service.domain.decision import Decision
from service.domain.study import Study
from service.domain.trial import AttemptKey, Trial
from service.usecases.engine import History, Promotion, Suggestion
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction
from service.usecases.record import save_trial, trial_event

LEASE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Situation:
    """What a suggester sees of a study: everything that is known, and what waits to be taken, the next one first."""

    history: History
    waiting: tuple[Trial, ...]
    ended: int
    running: int
    paused: int

    @property
    def study(self) -> Study:
        """The study."""
        return self.history.study


def is_stale(trial: Trial, ended: int) -> bool:
    """Whether a suggestion that waits was made when fewer results were known; one that a user gave never is."""
    return trial.suggestion is not None and not trial.attempts and int(trial.suggestion["ended"]) < ended


def situation(tx: Transaction, mirrors: Mirrors, name: str) -> Situation:
    """What there is to know now."""
    study = tx.studies.get(name)
    mirror = mirrors.of(tx, study)
    history = mirror.history(tx, study)
    ended = sum(count for state, count in mirror.counts.items() if state not in {"queued", "running", "paused"})
    running, paused = mirror.counts["running"], mirror.counts["paused"]
    return Situation(history, mirror.waiting(history), ended, running=running, paused=paused)


def take(tx: Transaction, study: Study, owner: str) -> bool:
    """Be the one process that makes this study's suggestions."""
    return tx.suggesters.take(study.id, owner, LEASE_SECONDS)


def put(tx: Transaction, seen: Situation, suggestions: Sequence[Suggestion], engine: str) -> Sequence[Trial]:
    """Queue suggestions, if the study is still as it was seen; otherwise none, and it is thought over again.

    Whether this process still makes the suggestions need not be asked: had another one queued a trial, it would show.
    """
    study = seen.study
    new: list[Trial] = []
    for number, suggestion in enumerate(suggestions, start=study.next_number):
        if study.state != "active" or not budget.may_add(replace(study, next_number=number)):
            break
        new.append(
            Trial(
                study_id=study.id,
                number=0,
                origin="sampled",
                params=suggestion.params,
                system=suggestion.system,
                suggestion=about(seen, engine, suggestion.note),
                created_at=tx.now,
            )
        )
    queued = tx.trials.add_to(study, new)
    for suggestion, trial in zip(suggestions, queued, strict=False):
        remember(tx, study.name, suggestion.study_system)
        trial_event(tx, study, trial, "trial.created")
    return queued


def promote(tx: Transaction, seen: Situation, owner: str, promotion: Promotion) -> bool:
    """Queue a paused trial, so that it goes on, and write down why; False if it is paused no more."""
    study = tx.studies.get(seen.study.name)
    trial = tx.trials.lock(seen.study.id, promotion.number)
    if study.id != seen.study.id or study.state != "active" or trial.state != "paused" or not take(tx, study, owner):
        return False
    last = tx.attempts.current(study.id, [trial.number]).get(trial.number)
    decision = Decision(
        # It is about the attempt to come.
        key=AttemptKey(study.id, trial.number, trial.attempts + 1),
        step=last.last_step or 0 if last is not None else 0,
        act="promote",
        reason=promotion.reason,
        basis=asdict(promotion.basis),
        at=tx.now,
    )
    tx.decisions.append([decision])
    save_trial(tx, study, replace(trial.moved("queued", tx.now), system={**trial.system, **promotion.system}))
    return True


def renew(tx: Transaction, seen: Situation, suggestion: Suggestion, about: dict[str, Any]) -> bool:
    """Put a better suggestion in the place of the one that is next; False if that one has been taken or changed."""
    stale = seen.waiting[0]
    trial = tx.trials.lock(stale.study_id, stale.number)
    if trial.seq != stale.seq:
        return False
    tx.trials.save(replace(trial, params=suggestion.params, system=suggestion.system, suggestion=about))
    remember(tx, seen.study.name, suggestion.study_system)
    return True


def remember(tx: Transaction, name: str, system: Any) -> None:
    """Keep what the engine wants to know again of a study."""
    if system:
        study = tx.studies.lock(name)
        tx.studies.save(replace(study, system={**study.system, **system}))


def about(seen: Situation, engine: str, note: str | None) -> dict[str, Any]:
    """Where a suggestion comes from, so that it can be told and worked out again."""
    return {
        "seq": seen.study.seq,
        "ended": seen.ended,
        "sampler": seen.study.definition.sampler.model_dump(),
        "seed": seen.study.definition.seed,
        "engine": engine,
        "note": note,
    }
