"""Why a trial is where it is, in a few words for a table and in a sentence for its page."""

from collections.abc import Sequence

from service import words
from service.domain.decision import Decision
from service.domain.study import Study
from service.domain.trial import Attempt, Trial
from service.usecases.engine import judged

_LONGEST = 160


def short(study: Study, trial: Trial, decisions: Sequence[Decision]) -> str:
    """Why it ended, as far as it fits into a table."""
    if trial.failure is not None and trial.state != "pruned":
        return _cut(f"{trial.failure.failure_class}: {_first_line(trial.failure.message)}".rstrip(": "))
    last = _deciding(trial, decisions)
    if last is None:
        return ""
    value, cut = (last.basis.get(name) for name in ("value", "cut"))
    rung = last.basis.get("rung")
    where = f"{_who(last, study)}{f' rung {rung}' if rung is not None else ''} @ step {last.step}"
    if isinstance(value, int | float) and isinstance(cut, int | float):
        return f"{where}: {words.number(float(value), 3)}, cut {words.number(float(cut), 3)}"
    return _cut(f"{where}: {last.reason}" if last.reason else where)


def verdict(study: Study, trial: Trial, attempt: Attempt | None, decisions: Sequence[Decision]) -> tuple[str, str]:
    """What became of it (in bold) and why."""
    last = _deciding(trial, decisions)
    match trial.state:
        case "pruned" | "paused" if last is not None:
            done = "Pruned" if trial.state == "pruned" else "Paused"
            return f"{done} at step {last.step} by {_who(last, study)}.", _basis(study, last)
        case "pruned":
            return "Pruned.", f"Its worker ended it early{_after(attempt)}." if attempt else "It was added so."
        case "paused":
            return "Paused.", "It waits with its checkpoint, and may be taken up again."
        case "failed" | "infeasible":
            return "Failed." if trial.state == "failed" else "Not feasible.", _failure(trial, attempt)
        case "cancelled":
            return "Cancelled.", _failure(trial, attempt)
        case "completed":
            return "Completed.", "" if trial.origin != "added" else "It was measured elsewhere and added."
        case "running":
            return "Running.", _running(trial, attempt)
        case "queued":
            return "Waiting.", _waiting(trial)


def chosen(trial: Trial) -> str:
    """Where its parameters come from."""
    if trial.rerun is not None:
        return (
            f"Trial {trial.rerun.of} run again ({trial.purpose}) from seed {trial.rerun.seed}: no part of the search."
        )
    if trial.origin == "enqueued":
        return "Enqueued by a user with these parameters."
    if trial.origin == "added":
        return "Added with its results."
    told = trial.suggestion or {}
    sampler = (told.get("sampler") or {}).get("type", "the sampler")
    note = f" {told['note']}." if told.get("note") else ""
    ended = told.get("ended")
    known = f", when {words.plural(int(ended), 'trial')} had ended" if ended is not None else ""
    return f"Chosen by {sampler}{known}.{note}"


def _deciding(trial: Trial, decisions: Sequence[Decision]) -> Decision | None:
    """The decision that ended or paused it."""
    if trial.state not in {"pruned", "paused"}:
        return None
    return next((one for one in reversed(decisions) if one.act in {"stop", "pause"}), None)


def _who(decision: Decision, study: Study) -> str:
    rule = decision.basis.get("rule")
    if rule:
        return f"the rule '{rule}'"
    return study.definition.scheduler.type


def _basis(study: Study, decision: Decision) -> str:
    """In the scheduler's own words, or from the numbers: they may be of its own metric."""
    if decision.reason:
        return f"{decision.reason[:1].upper()}{decision.reason[1:]}."
    value, cut = (decision.basis.get(name) for name in ("value", "cut"))
    if not isinstance(value, int | float) or not isinstance(cut, int | float):
        return ""
    metric = judged(study.definition)
    return f"{metric} {words.number(float(value))} was worse than the cut {words.number(float(cut))}."


def _failure(trial: Trial, attempt: Attempt | None) -> str:
    if trial.failure is None:
        return ""
    said = _first_line(trial.failure.message)
    return f"{trial.failure.failure_class}{f': {said}' if said else ''}{_after(attempt)}."


def _after(attempt: Attempt | None) -> str:
    return f", after step {attempt.last_step}" if attempt is not None and attempt.last_step is not None else ""


def _running(trial: Trial, attempt: Attempt | None) -> str:
    if attempt is None or attempt.last_step is None:
        return "It has been leased and has reported nothing yet."
    again = f" This is attempt {trial.attempts}." if trial.attempts > 1 else ""
    return f"It has come to step {attempt.last_step}.{again}"


def _waiting(trial: Trial) -> str:
    if trial.failure is not None or trial.attempts:
        return f"It comes again after {words.plural(trial.attempts, 'attempt')}, as soon as a worker is free."
    return "A worker takes it as soon as one is free."


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
