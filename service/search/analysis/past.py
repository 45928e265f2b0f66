"""The past: what was known of a study when a suggestion was made, rebuilt from what its trials are now.

A trial that has not changed since then is as it was. One that has changed had not ended: trials that have ended change
no more, unless they are tried again. So it was waiting or running, at the same point unless its suggestion is newer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from service.domain.trial import Trial
from service.usecases.engine import History

_OPEN = frozenset({"queued", "running", "paused"})


@dataclass(frozen=True, slots=True)
class Past:
    """What was known, as far as it can be told. `doubts`: why it may have been otherwise, in words."""

    history: History
    doubts: tuple[str, ...]

    @property
    def ended(self) -> list[Trial]:
        """The trials that had ended."""
        return [trial for trial in self.history.trials.values() if trial.state not in _OPEN]

    @property
    def pending(self) -> list[int]:
        """The trials that had been suggested and had not ended."""
        return sorted(number for number, trial in self.history.trials.items() if trial.state in _OPEN)


def past(history: History, trial: Trial) -> list[Past]:
    """What was known when a sampled trial's parameters were drawn: one possibility, or two, the likelier first.

    A suggestion that waited may have been made anew, when trials of higher numbers were waiting too.
    """
    suggestion = trial.suggestion or {}
    seq, ended = int(suggestion["seq"]), suggestion.get("ended")
    latest = _latest(history, seq)
    before = {one.number: _then(one, seq) for one in _others(history, trial) if one.number < trial.number}
    behind = {
        one.number: _then(one, seq)
        for one in _others(history, trial)
        if one.number > trial.number and (one.seq <= seq or one.created_at <= latest)
    }
    renewed = [one.number for one in (before | behind).values() if _suggested_at(one) > seq]
    behind = {number: one for number, one in behind.items() if _suggested_at(one) <= seq}
    found = [_past(history, trial, seq, before | behind, renewed, ended)]
    if behind:
        found.append(_past(history, trial, seq, before, renewed, ended))
    return found


def before(history: History, trial: Trial) -> Past:
    """What was known when a trial was given by somebody, by the time at which it came."""
    then = {}
    for one in _others(history, trial):
        if one.number < trial.number:
            over = one.finished_at is not None and one.finished_at <= trial.created_at
            then[one.number] = one if over else _running(one)
    return Past(_history(history, then, trial, trial.seq), ())


def _others(history: History, trial: Trial) -> Iterator[Trial]:
    return (one for _, one in sorted(history.trials.items()) if one.number != trial.number)


def _suggested_at(trial: Trial) -> int:
    """The seq that a suggestion was made at; a point that somebody gave has always been the same."""
    return int(trial.suggestion["seq"]) if trial.suggestion else 0


def _latest(history: History, seq: int) -> datetime:
    """The time of the last end that was known at a seq: trials that had come by then were there too."""
    ends = (one.finished_at for one in history.trials.values() if one.seq <= seq and one.finished_at is not None)
    return max(ends, default=history.study.created_at)


def _then(trial: Trial, seq: int) -> Trial:
    return trial if trial.seq <= seq else _running(trial)


def _running(trial: Trial) -> Trial:
    return replace(trial, state="running", values=None, failure=None, finished_at=None)


def _past(
    history: History, trial: Trial, seq: int, then: dict[int, Trial], renewed: list[int], ended: int | None
) -> Past:
    found = Past(_history(history, then, trial, seq), ())
    doubts = []
    if renewed:
        which = f"trial {renewed[0]}" if len(renewed) == 1 else f"{len(renewed)} trials"
        doubts.append(f"{which} waited then at another point, which is no longer known")
    if ended is not None and len(found.ended) != ended:
        doubts.append(
            f"{ended} trials had ended then, and {len(found.ended)} can still be told: some were tried again or changed"
        )
    return replace(found, doubts=tuple(doubts))


def _history(history: History, then: dict[int, Trial], trial: Trial, seq: int) -> History:
    curves = {
        number: history.curves[number]
        for number, one in then.items()
        if one.state not in {"queued", "running"} and number in history.curves
    }
    study = replace(history.study, seq=seq, next_number=trial.number)
    return History(study, dict(sorted(then.items())), curves, history.system)
