"""Snapshots: the frozen trials of one moment, made from those of the moment before and the trials that changed."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import compress, repeat
from operator import attrgetter, is_, is_not, itemgetter

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from service.domain.trial import Trial
from service.search.columns import NOTHING, Column, Columns
from service.search.following import Follower
from service.search.frozen import Freezer
from service.search.points import Place, Tried, discrete, place
from service.usecases.engine import Curve, History

# Not by the property of that name: ten thousand calls of Python are ten times dearer.
_distributions = attrgetter("_distributions")
_ALL = frozenset(TrialState)
# To put in each by itself takes longer than to begin anew where there are many.
_MOST_CHANGED = 100

Shape = dict[str, BaseDistribution]
Shapes = Mapping[int, tuple[int, Shape]]
"""Sets of parameters, each with the number of the first trial that has it, by their identity."""


class Snapshot:
    """Frozen trials in the order of their numbers. Nobody changes it, so it may be read by many at once."""

    def __init__(self, trials: list[FrozenTrial]) -> None:
        self.trials = trials
        self._by_states: dict[frozenset[TrialState], list[FrozenTrial]] = {}
        self._shapes: dict[frozenset[TrialState], Shapes] = {}

    def after(self, changed: Collection[FrozenTrial]) -> "Snapshot":
        """The next snapshot, in which these trials are new or others. What was worked out of this one goes with it."""
        made = Snapshot(_with(self.trials, changed, _ALL))
        # Others may be working something out meanwhile: it is looked through as it is now.
        for wanted, shapes in list(self._shapes.items()):
            if (further := _further(shapes, self.of(wanted), changed, wanted)) is not None:
                made._shapes[wanted] = further
        for wanted, found in list(self._by_states.items()):
            made._by_states[wanted] = _with(found, changed, wanted)
        return made

    def of(self, states: Collection[TrialState]) -> list[FrozenTrial]:
        """The trials in these states. The list is for reading only."""
        wanted = frozenset(states)
        if wanted not in self._by_states:
            self._by_states[wanted] = [trial for trial in self.trials if trial.state in wanted]
        return self._by_states[wanted]

    def shapes(self, states: Collection[TrialState]) -> list[Shape]:
        """Which sets of parameters trials in these states have, in the order of their first appearance."""
        wanted = frozenset(states)
        if wanted not in self._shapes:
            found = self.of(wanted)
            shapes = list(map(_distributions, found))
            # The first of each is the last one here to be put in.
            firsts = dict(zip(map(id, reversed(shapes)), map(number_of, reversed(found)), strict=True))
            known = dict(zip(map(id, shapes), shapes, strict=True))
            self._shapes[wanted] = {key: (firsts[key], shape) for key, shape in known.items()}
        return [shape for _, shape in sorted(self._shapes[wanted].values(), key=itemgetter(0))]

    def get(self, number: int) -> FrozenTrial:
        """The trial with a number; KeyError."""
        index = bisect_left(self.trials, number, key=number_of)
        if index == len(self.trials) or self.trials[index].number != number:
            raise KeyError(number)
        return self.trials[index]


class Snapshots:
    """Keeps the frozen trials of one study, looked at in one way. Whoever uses it holds a lock."""

    def __init__(self, freezer: Freezer) -> None:
        self._freezer = freezer
        self._seq = -1
        self._infeasible = 0
        self._sources: dict[int, Trial] = {}
        self._frozen: dict[int, FrozenTrial] = {}
        self._current = Snapshot([])
        self._tried = Tried() if discrete(freezer.layout) else None
        self._columns = Columns() if freezer.look.columns else None
        self._follower = Follower()

    def __len__(self) -> int:
        return len(self._frozen)

    def of(self, history: History, *, or_later: bool = False) -> Snapshot:
        """The snapshot of a history. What has not changed since the last one is taken from there.

        `or_later`: one that knows more is as good. Reports are judged side by side, and to go back costs more than all.
        """
        if or_later and self._follower.has_passed(history.trail):
            return self._current
        if history.study.seq != self._seq or len(history.trials) != len(self._frozen):
            self._refresh(history)
        return self._current

    def column(self, history: History, step: int) -> Column:
        """What the completed trials of a history had at a step, or of a later one that is known."""
        self.of(history, or_later=True)
        return NOTHING if self._columns is None else self._columns.at(step)

    def tried(self, history: History, besides: int) -> frozenset[Place]:
        """The points of a discrete space that were suggested to other trials than this one; none in any other space."""
        self.of(history)
        return frozenset() if self._tried is None else self._tried.besides(besides)

    def _refresh(self, history: History) -> None:
        was_marked = self._infeasible > 0
        numbers, gone = self._follower.changed(history.trail), frozenset[int]()
        if numbers is None:
            changed, gone = self._others(history)
        else:
            changed = [trial for trial in map(history.trials.__getitem__, numbers) if self._is_other(trial)]
        stale = any(map(self._may_have_another_curve, changed)) or any(map(self._is_compared, gone))
        self._leave_out(gone)
        self._infeasible += sum(_infeasible(trial) - _infeasible(self._sources.get(trial.number)) for trial in changed)
        marked = self._infeasible > 0
        everyone = self._freezer.look.feasibility and marked != was_marked
        for trial in history.trials.values() if everyone else changed:
            self._take(trial, history.curves.get(trial.number), marked, everyone)
        if everyone or len(changed) > _MOST_CHANGED:
            self._current = Snapshot([self._frozen[number] for number in sorted(self._frozen)])
        else:
            self._current = self._current.after([self._frozen[trial.number] for trial in changed])
        if self._columns is not None:
            self._compare(self._columns, history, None if stale else changed)
        self._seq = history.study.seq

    def _is_other(self, trial: Trial) -> bool:
        return self._sources.get(trial.number) is not trial

    def _others(self, history: History) -> tuple[list[Trial], frozenset[int]]:
        """The trials that are not those of the history before, and the numbers of those that are gone.

        It goes through all of them. Some are gone where this history is older than the last, or that was imagined.
        """
        trials = list(history.trials.values())
        before = list(map(self._sources.get, history.trials))
        fewer = len(trials) - sum(map(is_, before, repeat(None))) < len(self._sources)
        gone = frozenset(self._sources.keys() - history.trials.keys() if fewer else ())
        # Ten thousand trials are compared in half a millisecond so; a loop in Python would take several.
        return list(compress(trials, map(is_not, trials, before))), gone

    def _take(self, trial: Trial, curve: Curve | None, marked: bool, again: bool) -> None:
        known = self._sources.get(trial.number)
        if again or known is None or known.seq != trial.seq:
            self._frozen[trial.number] = self._freezer.freeze(trial, curve, marked=marked)
            if self._tried is not None:
                self._tried.put(trial.number, place(self._freezer.layout, trial.params))
        self._sources[trial.number] = trial

    def _may_have_another_curve(self, trial: Trial) -> bool:
        """Whether a trial that has been compared with is another one now: what was infeasible can be tried again."""
        if not self._is_compared(trial.number):
            return False
        return {trial.state, self._sources[trial.number].state} != {"completed"}

    def _compare(self, columns: Columns, history: History, changed: Collection[Trial] | None) -> None:
        if changed is None:
            # It is rare, and values know not whose they are.
            columns.clear()
            changed = history.trials.values()
        for trial in changed:
            if self._frozen[trial.number].state is TrialState.COMPLETE:
                columns.add(trial.number, history.curves.get(trial.number))

    def _is_compared(self, number: int) -> bool:
        return self._columns is not None and number in self._columns

    def _leave_out(self, gone: Collection[int]) -> None:
        for number in gone:
            self._infeasible -= _infeasible(self._sources.pop(number))
            del self._frozen[number]
            if self._tried is not None:
                self._tried.put(number, None)
        if gone:
            self._current = Snapshot([self._frozen[number] for number in sorted(self._frozen)])


def _with(
    trials: Sequence[FrozenTrial], changed: Iterable[FrozenTrial], wanted: Collection[TrialState]
) -> list[FrozenTrial]:
    """The trials with those that changed, as far as they are in one of these states."""
    found = list(trials)
    for trial in changed:
        index = bisect_left(found, trial.number, key=number_of)
        there = index < len(found) and found[index].number == trial.number
        found[index : index + there] = [trial] if trial.state in wanted else []
    return found


def _further(
    shapes: Shapes, before: Sequence[FrozenTrial], changed: Iterable[FrozenTrial], wanted: Collection[TrialState]
) -> Shapes | None:
    """The sets of parameters once these trials have changed; None if that takes a look at all others."""
    found = dict(shapes)
    for trial in changed:
        index = bisect_left(before, trial.number, key=number_of)
        there = index < len(before) and before[index].number == trial.number
        if there and found[id(_distributions(before[index]))][0] == trial.number:
            return None
        if trial.state in wanted:
            shape = _distributions(trial)
            first, _ = found.get(id(shape), (trial.number, shape))
            found[id(shape)] = min(first, trial.number), shape
    return found


def _infeasible(trial: Trial | None) -> int:
    return trial is not None and trial.state == "infeasible"


def number_of(trial: FrozenTrial) -> int:
    """A trial's number, by which trials are in order."""
    return trial.number
