"""What trials had at the rungs they came to, kept so that nobody goes through ten thousand trials to compare one."""

import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import compress, repeat
from operator import is_, is_not

from service.domain.trial import Trial
from service.search.following import Follower
from service.usecases.engine import History


class RungValues:
    """The values of one study at each rung, brought up to date by the trials that changed.

    `read` says what a trial has shown: one value for each rung from the first on, none where it is left out of account.
    """

    def __init__(self, read: Callable[[Trial], Sequence[float]]) -> None:
        self._read = read
        self._trials: dict[int, Trial] = {}
        self._rungs: list[dict[int, float]] = []
        self._follower = Follower()
        self._lock = threading.Lock()

    def count(self, history: History, rung: int, besides: int) -> int:
        """How many trials came to a rung, this one left out."""
        with self._lock:
            there = self._up_to_date(history, rung)
            return len(there) - (besides in there)

    def at(self, history: History, rung: int, besides: int) -> dict[int, float]:
        """What the trials had at a rung, by their numbers, this one left out."""
        with self._lock:
            found = dict(self._up_to_date(history, rung))
        found.pop(besides, None)
        return found

    def _up_to_date(self, history: History, rung: int) -> Mapping[int, float]:
        # Nothing is forgotten for a history that is older than what is kept.
        if not self._follower.has_passed(history.trail):
            changed = self._follower.changed(history.trail)
            if changed is None:
                self._compare(history)
            else:
                for number in changed:
                    self._take(history.trials[number])
        return self._rungs[rung] if rung < len(self._rungs) else {}

    def _compare(self, history: History) -> None:
        """Go through all trials."""
        trials = list(history.trials.values())
        before = list(map(self._trials.get, history.trials))
        if len(trials) - sum(map(is_, before, repeat(None))) < len(self._trials):
            # Trials are gone: this history is older than the one before it.
            self._trials.clear()
            self._rungs.clear()
            before = [None] * len(trials)
        for trial in compress(trials, map(is_not, trials, before)):
            self._take(trial)

    def _take(self, trial: Trial) -> None:
        self._trials[trial.number] = trial
        values = self._read(trial)
        while len(self._rungs) < len(values):
            self._rungs.append({})
        for rung, there in enumerate(self._rungs):
            if rung < len(values):
                there[trial.number] = values[rung]
            else:
                there.pop(trial.number, None)
