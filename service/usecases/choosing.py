"""What a warm start takes: which trials of which studies, and as what they come into this one."""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from service.domain import budget, carrying, space
from service.domain.carrying import Carried, Key, Misfit
from service.domain.errors import Invalid, StudyNotFound
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction
from service.wire.message import Scalar
from service.wire.objective import Objective
from service.wire.problem import FieldError
from service.wire.space import ConstantParameter, DerivedParameter
from service.wire.study import StudyDefinition
from service.wire.trial import TrialState
from service.wire.warm_start import MOST_TRIALS, TakenFrom, WarmStart, WarmStarted

FROM = "warm_start"
"""Where a trial keeps, among its attributes, which trial of which study it was taken from."""

Root = tuple[str, int]
"""The study and number in which something was measured."""

_RESULTS: frozenset[TrialState] = frozenset({"completed", "pruned", "infeasible"})
_MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class Chosen:
    """A trial of another study, the point that it becomes here, and whether that is to be run again."""

    source: Study
    trial: Trial
    carried: Carried
    again: bool

    @property
    def root(self) -> Root:
        """Where it was measured."""
        return root(self.source.name, self.trial)

    def attrs(self) -> dict[str, Any]:
        """What the trial that is made of it says of where it comes from."""
        study, number = self.root
        told: dict[str, Any] = {"study": study, "number": number}
        told |= {name: list(one) for name in ("clipped", "filled") if (one := getattr(self.carried, name))}
        return {FROM: told}


@dataclass(slots=True)
class _Tally:
    """What has become of the trials of one source."""

    taken: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def told(self, name: str) -> TakenFrom:
        reasons = dict(self.left_out.most_common(_MOST_REASONS))
        if more := sum(self.left_out.values()) - sum(reasons.values()):
            reasons["other reasons"] = more
        return TakenFrom(study=name, taken=self.taken, left_out=reasons)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be taken, in that order, and what there is to tell of it."""

    chosen: tuple[Chosen, ...]
    told: WarmStarted


@dataclass(frozen=True, slots=True)
class Here:
    """The study that learns: what it has taken before, the points that it has, and how many trials it may still run.

    Of what was taken it is known whether it was to be run again.
    """

    definition: StudyDefinition
    taken: frozenset[tuple[Root, bool]] = frozenset()
    points: frozenset[Key] = frozenset()
    room: int = MOST_TRIALS


def taken_from(trial: Trial) -> Root | None:
    """The trial of another study that a warm start made this one of."""
    found = trial.attrs.get(FROM)
    if trial.origin != "sampled" and isinstance(found, Mapping):
        name, number = found.get("study"), found.get("number")
        if isinstance(name, str) and isinstance(number, int):
            return name, number
    return None


def root(study: str, trial: Trial) -> Root:
    """Where a trial was measured: in its study, or where its result was taken from."""
    source = taken_from(trial) if trial.origin == "added" else None
    return source or (study, trial.number)


def before(tx: Transaction, mirrors: Mirrors, study: Study) -> Here:
    """A study that is there already, with what it has taken so far."""
    known = dict(mirrors.of(tx, study).trials).values()
    taken = frozenset((source, trial.origin == "enqueued") for trial in known if (source := taken_from(trial)))
    points = frozenset(carrying.point_key(trial.params) for trial in known)
    return Here(study.definition, taken, points, budget.may_add(study))


def plan(tx: Transaction, mirrors: Mirrors, here: Here, warm: WarmStart, field: str = "warm_start") -> Plan:
    """Choose; Invalid where a source is not there, has measured something else, or has nothing to offer."""
    sources = _sources(tx, here, warm, field)
    tallies = {source.name: _Tally() for source in sources}
    trials = [(source, trial) for source in sources for trial in dict(mirrors.of(tx, source).trials).values()]
    pick = _best if warm.use == "best" else _history
    chosen = tuple(pick(here, warm, trials, tallies))
    told = WarmStarted(sources=tuple(tally.told(name) for name, tally in tallies.items()))
    # What was taken before is no failure: a warm start may be asked for twice.
    if not chosen and not any(tally.left_out[_THERE] for tally in tallies.values()):
        raise Invalid.of(
            [_nothing(one, f"{field}.from[{place}]".lstrip(".")) for place, one in enumerate(told.sources)]
        )
    return Plan(chosen, told)


_THERE = "was taken before"


def _sources(tx: Transaction, here: Here, warm: WarmStart, field: str) -> list[Study]:
    found: list[Study] = []
    errors: list[FieldError] = []
    for place, name in enumerate(warm.sources):
        wrong = None
        try:
            source = tx.studies.get(name)
        except StudyNotFound as missing:
            wrong = missing.message
        else:
            found.append(source)
            wrong = _other(source, here.definition)
        if wrong is not None:
            errors.append(FieldError(field=f"{field}.from[{place}]".lstrip("."), message=wrong))
    if errors:
        raise Invalid.of(errors)
    return found


def _other(source: Study, here: StudyDefinition) -> str | None:
    """Why a study's results mean nothing here: it is this one, or its metrics are not all of ours."""
    if source.name == here.name:
        return "is this study itself: it can learn from other studies only"
    known = {one.metric: one.direction for one in source.definition.objectives}
    for one in here.objectives:
        if known.get(one.metric) != one.direction:
            return f"must have the objective '{one.direction} {one.metric}' (it has {_listed(source)})"
    return None


def _listed(source: Study) -> str:
    return ", ".join(f"'{one.direction} {one.metric}'" for one in source.definition.objectives)


def _nothing(told: TakenFrom, field: str) -> FieldError:
    reasons = ", ".join(f"{count} {reason}" for reason, count in told.left_out.items())
    message = f"has no trial that could be taken ({reasons})" if reasons else "has no trials yet"
    return FieldError(field=field, message=message)


_Candidates = Sequence[tuple[Study, Trial]]
_Tallies = Mapping[str, _Tally]


def _best(here: Here, warm: WarmStart, trials: _Candidates, tallies: _Tallies) -> Iterator[Chosen]:
    """The best points of all sources together, bent to this space; each point once."""
    for source, trial in trials:
        if trial.state != "completed":
            tallies[source.name].left_out[f"not completed ({trial.state})"] += 1
    done = [(source, trial) for source, trial in trials if trial.state == "completed"]
    places, room, points = warm.most, here.room, set(here.points)
    for source, trial in ranked(done, here.definition.objectives):
        tally = tallies[source.name]
        if not places or not room:
            tally.left_out["not among the best" if not places else "the budget has no room for it"] += 1
            continue
        found = _bent(here, source, trial, points)
        if isinstance(found, str):
            tally.left_out[found] += 1
            # Asked for again, a warm start finds its places taken and adds nothing.
            places -= found == _THERE
            continue
        points.add(found.carried.key)
        places, room, tally.taken = places - 1, room - 1, tally.taken + 1
        yield found


def _bent(here: Here, source: Study, trial: Trial, points: Collection[Key]) -> Chosen | str:
    """A trial with its point bent to this space, or why it is not taken."""
    if barred := _barred(here, source, trial, again=True):
        return barred
    try:
        carried = carrying.bent(here.definition.space, _known(source, trial))
    except Misfit as misfit:
        return str(misfit)
    return "the same point as another" if carried.key in points else Chosen(source, trial, carried, True)


def _history(here: Here, warm: WarmStart, trials: _Candidates, tallies: _Tallies) -> Iterator[Chosen]:
    """The results of all sources that have their place in this space as they are; each measurement once."""
    fitting: dict[Root, Chosen] = {}
    for source, trial in trials:
        left_out = tallies[source.name].left_out
        reason = _barred(here, source, trial, again=False) or _no_result(here, trial)
        if reason is None and root(source.name, trial) in fitting:
            reason = "the same measurement as another"
        if reason is not None:
            left_out[reason] += 1
            continue
        try:
            carried = carrying.exact(here.definition.space, _known(source, trial), trial.params)
            fitting[root(source.name, trial)] = Chosen(source, trial, carried, False)
        except Misfit as misfit:
            left_out[str(misfit)] += 1
    # Asked for again, a warm start finds its places taken and adds nothing.
    before = sum(tally.left_out[_THERE] for tally in tallies.values())
    kept = _some(list(fitting.values()), max(0, warm.most - before), here)
    for chosen in fitting.values():
        if chosen.root not in kept:
            tallies[chosen.source.name].left_out["more than were asked for"] += 1
    for chosen in fitting.values():
        if chosen.root in kept:
            tallies[chosen.source.name].taken += 1
            yield chosen


def _barred(here: Here, source: Study, trial: Trial, *, again: bool) -> str | None:
    first = root(source.name, trial)
    if (first, again) in here.taken:
        return _THERE
    return "was measured by this study" if first[0] == here.definition.name else None


def _no_result(here: Here, trial: Trial) -> str | None:
    if trial.state not in _RESULTS:
        return f"no result ({trial.state})"
    missing = [one.metric for one in here.definition.objectives if one.metric not in (trial.values or {})]
    return f"has no '{missing[0]}'" if missing and trial.state == "completed" else None


def _some(fitting: list[Chosen], most: int, here: Here) -> set[Root]:
    """As many as are wanted: a third of them the best, a third the newest, the others drawn from all that are left."""
    if len(fitting) <= most:
        return {one.root for one in fitting}
    third = -(-most // 3)
    completed = [(one.source, one.trial) for one in fitting if one.trial.state == "completed"]
    leaders = ranked(completed, here.definition.objectives)
    kept = {root(source.name, trial) for source, trial in list(leaders)[:third]}
    newest = sorted(fitting, key=lambda one: (one.trial.finished_at or one.trial.created_at, one.trial.number))
    for one in reversed(newest):
        if len(kept) >= min(most, 2 * third):
            break
        kept.add(one.root)
    rest = [one.root for one in fitting if one.root not in kept]
    return kept | set(Random(here.definition.seed or 0).sample(rest, most - len(kept)))


def ranked(trials: _Candidates, objectives: Sequence[Objective]) -> Iterator[tuple[Study, Trial]]:
    """Trials with values, the best first; with several objectives the best of each in turn."""
    orders = [iter(sorted(trials, key=partial(_worth, objective))) for objective in objectives]
    told: set[tuple[int, int]] = set()
    while orders:
        for order in tuple(orders):
            for source, trial in order:
                if (source.id, trial.number) not in told:
                    told.add((source.id, trial.number))
                    yield source, trial
                    break
            else:
                orders.remove(order)


def _worth(objective: Objective, candidate: tuple[Study, Trial]) -> tuple[bool, float, int]:
    _, trial = candidate
    value = (trial.values or {}).get(objective.metric)
    if value is None or math.isnan(value):
        return True, 0.0, trial.number
    return False, value if objective.direction == "minimize" else -value, trial.number


def _known(source: Study, trial: Trial) -> Mapping[str, Scalar]:
    """All values that the trial was run with: searched, constant and derived."""
    definition = source.definition.space
    if any(isinstance(one, ConstantParameter | DerivedParameter) for one in definition.values()):
        return space.resolve(definition, trial.params)
    return trial.params
