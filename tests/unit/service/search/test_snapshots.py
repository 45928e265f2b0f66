"""Snapshots: what has not changed stays, what has is made anew, whatever the order in which histories come."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from service.domain.trial import Trial
from service.search.distributions import Layout
from service.search.frozen import Freezer, Look
from service.search.points import place
from service.search.snapshots import Snapshot, Snapshots
from service.usecases.engine import Curve, History, Track
from service.wire.message import Scalar
from tests.unit.service.search.samples import SMALL, curve, definition, history, study, trial

LAYOUT = Layout(definition(space=SMALL).space)
SMALL_PARAMS = {"batch": 32, "width": "wide"}
SETS = ({TrialState.COMPLETE}, {TrialState.COMPLETE, TrialState.PRUNED}, {TrialState.RUNNING})
STATES = ("queued", "running", "completed", "pruned", "infeasible", "failed")


def snapshots() -> Snapshots:
    look = Look(metrics=("loss",), directions=(StudyDirection.MINIMIZE,), columns=True, readable=True, feasibility=True)
    return Snapshots(Freezer(LAYOUT, look))


def seen(snapshot: Snapshot) -> list[Mapping[str, Any]]:
    return [vars(one) for one in snapshot.trials]


def test_only_what_changed_is_made_anew() -> None:
    kept = snapshots()
    before = [trial(number, params=SMALL_PARAMS) for number in range(3)]
    first = kept.of(history(study(3), before))
    assert kept.of(history(study(3), before)) is first
    after = [before[0], replace(before[1], state="failed", seq=4), replace(before[2], attrs={"note": "x"}), trial(3)]
    second = kept.of(history(study(4), after))
    assert [old is new for old, new in zip(first.trials, second.trials, strict=False)] == [True, False, True]
    assert [one.number for one in second.trials] == [0, 1, 2, 3]
    assert [one.state for one in first.trials] == [TrialState.COMPLETE] * 3


def test_what_was_only_imagined_is_left_out_and_the_rest_stays() -> None:
    kept = snapshots()
    trials = [trial(number, params=SMALL_PARAMS) for number in range(3)]
    first = kept.of(history(study(3), trials))
    kept.of(history(study(-9), [*trials, trial(3, "queued", seq=-9), trial(4, "queued", seq=-9)]))
    again = kept.of(history(study(3), trials))
    assert all(old is new for old, new in zip(first.trials, again.trials, strict=True))


def test_to_judge_by_a_later_moment_is_as_good() -> None:
    """Reports are judged side by side: what one has made of the trials is not undone for another that began before."""
    life = Life()
    life.happen(0, "running", 16, wide=True)
    life.happen(0, "completed", 16, wide=True)
    before, after = life.moments[1], life.moments[3]
    kept = snapshots()
    later = kept.of(after)
    assert kept.of(before, or_later=True) is later
    assert kept.column(before, 1).count() == 1
    assert kept.of(before) is not later


def test_trials_are_in_the_order_of_their_numbers_and_may_have_gaps() -> None:
    snapshot = snapshots().of(history(study(1), [trial(7), trial(2), trial(5)]))
    assert [one.number for one in snapshot.trials] == [2, 5, 7]
    assert snapshot.get(5).number == 5


def test_one_infeasible_trial_makes_all_others_say_that_they_are_not() -> None:
    kept = snapshots()
    trials = [trial(0), trial(1, "running")]
    assert not kept.of(history(study(2), trials)).trials[0].constraints
    troubled = [trials[0], trial(1, "infeasible", seq=3)]
    assert kept.of(history(study(3), troubled)).trials[0].constraints == {"feasibility": -1.0}
    again = [trials[0], trial(1, "queued", seq=4)]
    assert not kept.of(history(study(4), again)).trials[0].constraints


class Life:
    """A study in which anything may happen, with its history at each moment."""

    def __init__(self) -> None:
        self.trials: dict[int, Trial] = {}
        self.curves: dict[int, Curve] = {}
        self.seq = 0
        self.track = Track()
        self.moments: list[History] = []

    def happen(self, number: int, state: Any, batch: int, *, wide: bool) -> None:
        self.seq += 1
        params: dict[str, Scalar] = {"batch": batch, "width": "wide"} if wide else {"batch": batch}
        values = {"loss": 1.0} if state == "completed" else None
        before = self.trials.get(number)
        if before is not None and before.state == "completed":
            return
        self.trials[number] = trial(number, state, params=params, values=values, seq=self.seq)
        self.track.add([number])
        if self.trials[number].finished and before is not None and not before.finished:
            self.curves[number] = curve(number + 0.5, number + 0.25)
        ended = {one: self.curves[one] for one in self.curves if self.trials[one].finished}
        seen = History(study(self.seq, space=SMALL), dict(self.trials), ended)
        self.moments += [seen, replace(seen, trail=self.track.trail)]


@settings(max_examples=60, deadline=None)
@given(
    events=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(STATES), st.sampled_from([16, 32]), st.booleans()), min_size=1
    ),
    visits=st.lists(st.integers(0, 200), min_size=1, max_size=12),
    later=st.booleans(),
)
def test_a_snapshot_is_told_by_its_history_alone(
    events: list[tuple[int, str, int, bool]], visits: list[int], later: bool
) -> None:
    """Whatever was looked at before, also what came later: replicas must all see the same."""
    life = Life()
    for number, state, batch, wide in events:
        life.happen(number, state, batch, wide=wide)
    kept = snapshots()
    # Mostly a study goes on, and what was worked out goes with it.
    for visit in sorted(visits) if later else visits:
        moment = life.moments[visit % len(life.moments)]
        fresh = snapshots()
        assert seen(kept.of(moment)) == seen(fresh.of(moment))
        assert kept.tried(moment, 1) == fresh.tried(moment, 1)
        assert kept.tried(moment, -1) == {place(LAYOUT, one.params) for one in moment.trials.values()}
        for states in SETS:
            assert kept.of(moment).of(states) == [one for one in kept.of(moment).trials if one.state in states]
            assert kept.of(moment).shapes(states) == fresh.of(moment).shapes(states)
        for step in (1, 2, 3):
            ours, theirs = kept.column(moment, step), fresh.column(moment, step)
            assert sorted(ours.values) == sorted(theirs.values)
            assert ours.trials == theirs.trials


def test_lists_by_state_and_sets_of_parameters() -> None:
    trials = [
        trial(0, params=SMALL_PARAMS),
        trial(1, "pruned", params={"batch": 16}),
        trial(2, params=SMALL_PARAMS),
        trial(3, "running", params={}),
    ]
    snapshot = snapshots().of(history(study(1), trials))
    complete: list[FrozenTrial] = snapshot.of((TrialState.COMPLETE,))
    assert [one.number for one in complete] == [0, 2]
    assert snapshot.of([TrialState.COMPLETE]) is complete
    shapes = snapshot.shapes((TrialState.COMPLETE, TrialState.PRUNED))
    assert [list(shape) for shape in shapes] == [["batch", "width"], ["batch"]]


def test_the_first_of_a_set_of_parameters_may_come_later() -> None:
    """The order is that of the trials, and not that in which they ended."""
    kept = snapshots()
    bare, wide = {"batch": 16}, SMALL_PARAMS
    trials = [trial(0, "running", params=bare), trial(1, params=wide), trial(2, params=bare)]
    for seq, first in enumerate((trials[0], trial(0, params=bare, seq=9)), start=8):
        shapes = kept.of(history(study(seq), [first, *trials[1:]])).shapes({TrialState.COMPLETE})
    assert [list(shape) for shape in shapes] == [["batch"], ["batch", "width"]]
