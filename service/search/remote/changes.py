"""What the other process knows of a study: only what has changed since is sent, and put into its copy there."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import compress
from operator import is_not
from typing import TypeVar

from service.domain.study import Study
from service.domain.trial import Trial
from service.search.following import Follower
from service.search.remote.messages import Changes, Key
from service.usecases.engine import Curve, History, System, Track

T = TypeVar("T")
_AT_ONCE = 500


def key_of(study: Study) -> Key:
    """The key of a study."""
    return study.id, study.name, study.created_at


class Known:
    """The trials and curves of one study that were sent. They are those that the mirror holds, and cost no more."""

    def __init__(self) -> None:
        self._trials: dict[int, Trial] = {}
        self._curves: dict[int, Curve] = {}
        self._follower = Follower()

    def __len__(self) -> int:
        return len(self._trials)

    def changes(self, history: History) -> Changes:
        """What must be sent for the other side to know this history, which from now on it is taken to know."""
        numbers = self._follower.changed(history.trail)
        others = _others(history.trials, self._trials, numbers)
        # A mirror that was read anew has other objects that say the same.
        changed = tuple(trial for number, trial in others.items() if not _same(trial, self._trials.get(number)))
        curves = _others(history.curves, self._curves, numbers)
        self._trials.update(others)
        self._curves.update(curves)
        return Changes(changed, curves, _gone(self._trials, history.trials), _gone(self._curves, history.curves))


class Copy:
    """The same trials and curves on the other side."""

    def __init__(self) -> None:
        self._trials: dict[int, Trial] = {}
        self._curves: dict[int, Curve] = {}
        self._track = Track()

    def take(self, changes: Changes) -> None:
        """Put changes in."""
        if changes.without_trials or changes.without_curves:
            # No trail tells of what is gone: another begins, and all is compared.
            self._track = Track()
        for number in changes.without_trials:
            del self._trials[number]
        for number in changes.without_curves:
            del self._curves[number]
        self._trials.update((trial.number, trial) for trial in changes.trials)
        self._curves.update(changes.curves)
        self._track.add(trial.number for trial in changes.trials)
        self._track.add(changes.curves)

    def history(self, study: Study, system: System) -> History:
        """The history of the study. It is not copied once more: one call at a time reads it."""
        return History(study, self._trials, self._curves, system, self._track.trail)


def pieces(changes: Changes) -> Iterator[Changes]:
    """Changes in pieces small enough that making one ready to travel holds up no other thread."""
    numbers = tuple(changes.curves)
    yield Changes(without_trials=changes.without_trials, without_curves=changes.without_curves)
    for place in range(0, len(changes.trials), _AT_ONCE):
        yield Changes(trials=changes.trials[place : place + _AT_ONCE])
    for place in range(0, len(numbers), _AT_ONCE):
        yield Changes(curves={number: changes.curves[number] for number in numbers[place : place + _AT_ONCE]})


def _others(now: Mapping[int, T], before: Mapping[int, T], among: Iterable[int] | None) -> dict[int, T]:
    """What is another object than before. Ten thousand are compared in a millisecond or two."""
    numbers = list(now if among is None else filter(now.__contains__, among))
    others = compress(numbers, map(is_not, map(now.__getitem__, numbers), map(before.get, numbers)))
    return {number: now[number] for number in others}


def _gone(known: dict[int, T], now: Mapping[int, T]) -> tuple[int, ...]:
    """Take out what is not there now: this history is older than the last. All that is there now must be known."""
    gone = tuple(sorted(known.keys() - now.keys())) if len(known) > len(now) else ()
    for number in gone:
        del known[number]
    return gone


def _same(trial: Trial, before: Trial | None) -> bool:
    return before is not None and before.seq == trial.seq
