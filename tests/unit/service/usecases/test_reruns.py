"""Reruns: what they are to everything else, what may be finished, and trials that are run again as they were."""

from functools import partial
from typing import Any

import pytest

from service.domain.errors import Invalid, StudyBusy, WrongState
from service.domain.query import TrialQuery
from service.usecases import completing, reading, studies, trials
from service.usecases.finishing import reproducing, starting
from service.usecases.mirrors import Mirrors
from service.wire import finish as wire
from service.wire.finish import FinishStudy, Reproduce
from service.wire.lease import Complete
from service.wire.trial import NewTrial
from tests.unit.service.usecases.conftest import Desk
from tests.unit.service.usecases.finishing import begin, confirm, judged, refit, report, reruns, run, searched
from tests.unit.service.usecases.fleet import Fleet


def test_reruns_are_nothing_to_the_search(desk: Desk) -> None:
    """No budget, no target, no gain, no best trial, nothing for samplers to learn from."""
    searched(
        desk,
        0.5,
        0.2,
        budget={"max_trials": 9, "no_gain": {"trials": 5}},
        objectives=[{"metric": "loss", "target": 0.1}],
        state="active",
    )
    mirrors = Mirrors(limit=1_000)
    begin(desk)
    confirm(desk, 0.01, 0.3, 0.01, 0.4)
    refit(desk)
    assert desk.state() == "active", "neither the target nor the missing gain ended it"
    view = desk.read(lambda tx: reading.study_view(tx, mirrors, "s"))
    assert view.best is not None
    assert view.best.number == 1
    assert dict(view.counts)["completed"] == 2
    history = desk.read(lambda tx: mirrors.of(tx, tx.studies.get("s")).history(tx, tx.studies.get("s")))
    assert set(history.trials) == {0, 1}
    desk.enqueue(7)
    with pytest.raises(Exception, match="has all of its 9 trials"):
        desk.enqueue()
    _, page = desk.read(lambda tx: reading.trial_views(tx, "s", TrialQuery()))
    assert {one.trial.number for one in page.items}.isdisjoint({one.number for one in reruns(desk)})


def test_a_study_is_not_deleted_under_its_reruns_nor_are_they_stopped_with_its_search(desk: Desk) -> None:
    searched(desk, 0.5, 0.2, budget={"max_trials": 9}, state="active")
    begin(desk)
    (lease,) = desk.ask()
    desk.write(lambda tx: studies.stop(tx, "s", "cancel", None))
    assert (desk.state(), desk.trial(lease.trial).state) == ("stopped", "running")
    with pytest.raises(StudyBusy, match="1 trial"):
        desk.write(lambda tx: studies.delete(tx, "s", force=False, revision=None))
    desk.write(lambda tx: studies.delete(tx, "s", force=True, revision=None))


def test_crashes_of_reruns_are_no_strikes(desk: Desk) -> None:
    searched(desk, 0.5, 0.4, 0.3, state="active", budget={"max_trials": 9}, retry={"strikes": 2})
    begin(desk, top=3)
    for _ in range(6):
        (lease,) = desk.ask()
        desk.complete(lease, outcome="failed", failure={"class": "crash", "message": "the same"})
    assert desk.state() == "active"


def test_no_scheduler_judges_a_rerun(desk: Desk) -> None:
    searched(desk, 0.5, 0.2)
    begin(desk)
    (lease,) = desk.ask()
    assert judged(desk, lease, {1: {"loss": 9.0}}).type == "continue"


def test_a_rerun_never_pauses(desk: Desk) -> None:
    searched(desk, 0.2)
    begin(desk)
    (lease,) = desk.ask()
    desk.report(lease, 0.4)
    assert desk.complete(lease, outcome="paused").state == "queued"


def test_patience_is_for_those_that_are_judged(desk: Desk) -> None:
    searched(desk, 0.2, stopping={"patience": {"steps": 1, "metric": "loss"}})
    begin(desk)
    for _ in range(2):
        (lease,) = desk.ask()
        assert desk.report(lease, 0.4, 0.5, 0.6, 0.7).directive.type == "stop"
        desk.complete(lease, outcome="completed")
    (lease,) = desk.ask()
    assert lease.purpose == "refit"
    assert desk.report(lease, 0.4, 0.5, 0.6, 0.7).directive.type == "continue"


@pytest.mark.parametrize(
    ("arrange", "refusal"),
    [
        (lambda tx: studies.archive(tx, "s", archived=True, revision=None), "archived: it hands out no trials"),
        (
            lambda tx: (studies.resume(tx, "s", None), studies.pause(tx, "s", None)),
            "paused, and nothing of it would run",
        ),
    ],
)
def test_what_hands_out_nothing_cannot_be_finished(desk: Desk, arrange: Any, refusal: str) -> None:
    searched(desk, 0.2)
    desk.write(arrange)
    with pytest.raises(WrongState, match=refusal):
        begin(desk)
    with pytest.raises(WrongState, match="nothing of it would run"):
        desk.write(lambda tx: reproducing.reproduce(tx, "s", 0, Reproduce()))


def test_a_pause_holds_reruns_too(desk: Desk) -> None:
    searched(desk, 0.2, budget={"max_trials": 9}, state="active")
    begin(desk)
    desk.write(lambda tx: studies.pause(tx, "s", None))
    fleet = Fleet(desk)
    fleet.join()
    assert fleet.leases() == ()
    desk.write(lambda tx: studies.resume(tx, "s", None))
    assert len(fleet.leases()) == 1


def test_what_cannot_be_finished_says_why(desk: Desk) -> None:
    desk.study("two", objectives=[{"metric": "loss"}, {"metric": "speed", "direction": "maximize"}])
    for metric, refusal in ((None, "name loss or speed"), ("x", "'x' is no objective of this study: take loss or")):
        with pytest.raises(Invalid, match=refusal):
            desk.write(partial(starting.start, name="two", body=FinishStudy(metric=metric)))
    with pytest.raises(WrongState, match="no completed trial with a value of speed: nothing to confirm"):
        desk.write(lambda tx: starting.start(tx, "two", FinishStudy(metric="speed")))


def test_each_point_is_confirmed_once_and_infeasible_ones_never(desk: Desk) -> None:
    desk.study()
    given: list[dict[str, Any]] = [
        {"params": {"lr": 0.5}, "state": "completed", "values": {"loss": 0.3}},
        {"params": {"lr": 0.5}, "state": "completed", "values": {"loss": 0.2}},
        {"params": {"lr": 0.6}, "state": "infeasible", "values": {"loss": 0.01}},
        {"params": {"lr": 0.7}, "state": "completed", "values": {"loss": 0.4}},
        {"params": {"lr": 0.8}, "state": "completed", "values": {"loss": float("inf")}},
    ]
    for one in given:
        desk.write(partial(trials.add, study="s", new=NewTrial.model_validate(one)))
    begin(desk, top=5)
    assert [one.trial for one in report(desk).candidates] == [1, 3]


def test_the_winner_of_a_metric_to_be_large_is_the_largest(desk: Desk) -> None:
    searched(desk, 0.2, 0.9, objectives=[{"metric": "loss", "direction": "maximize"}])
    begin(desk)
    confirm(desk, 0.9, 0.2, 0.91, 0.21)
    assert report(desk).winner == 1


def test_a_server_that_begins_anew_goes_on_with_it(desk: Desk) -> None:
    """All that is known is in the store: a finish has no memory of its own."""
    searched(desk, 0.2)
    begin(desk)
    leases = [desk.ask()[0] for _ in range(2)]
    for lease in leases:
        desk.report(lease, 0.3)
        body = Complete.model_validate({"token": lease.token, "outcome": "completed"})
        done = partial(completing.complete, study="s", number=lease.trial, attempt=1, body=body)
        desk.write(done)
        again = desk.write(done)
        assert again.state == "completed", "the same end, told twice"
    assert [one.purpose for one in reruns(desk)] == ["confirm", "confirm", "refit"]


class TestReproducing:
    """A trial that is run again as it was."""

    def reproduced(self, desk: Desk, *losses: float) -> wire.Reproduction:
        run_ = desk.write(lambda tx: reproducing.reproduce(tx, "s", 0, Reproduce()))
        (lease,) = desk.ask()
        assert (lease.trial, lease.purpose, lease.seed, lease.steps) == (run_.number, "reproduce", 7, 2)
        run(desk, lease, *losses)
        return desk.read(lambda tx: reproducing.reproductions(tx, "s", 0)).reproductions[-1]

    def test_equal_curves_are_equal(self, desk: Desk) -> None:
        searched(desk, 0.2)
        found = self.reproduced(desk, 1.2, 0.2)
        assert (found.likeness, found.said, found.steps) == ("equal", "Equal to the last bit at all 2 steps.", 2)

    def test_without_seeds_rounding_is_the_tolerance(self, desk: Desk) -> None:
        searched(desk, 0.2)
        assert self.reproduced(desk, 1.2, 0.2001).likeness == "close"
        found = self.reproduced(desk, 1.2, 0.21)
        assert (found.likeness, found.first_different, found.tolerance_from) == ("different", 2, "rounding")

    def test_with_seeds_they_are(self, desk: Desk) -> None:
        searched(desk, 0.2)
        begin(desk, seeds=3)
        confirm(desk, 0.2, 0.25, 0.3)
        refit(desk)
        found = self.reproduced(desk, 1.2, 0.21)
        assert (found.likeness, found.tolerance_from) == ("close", "seeds")
        assert found.tolerance == pytest.approx(0.1)

    def test_one_that_goes_on_is_told_when_it_has_come_as_far(self, desk: Desk) -> None:
        searched(desk, 0.2)
        desk.write(lambda tx: reproducing.reproduce(tx, "s", 0, Reproduce()))
        (lease,) = desk.ask()
        told = judged(desk, lease, {1: {"loss": 1.2}, 2: {"loss": 0.2}})
        assert (told.type, told.reason) == ("stop", "it has come as far as the trial that it reproduces")
        desk.complete(lease, outcome="pruned")
        found = desk.read(lambda tx: reproducing.reproductions(tx, "s", 0)).reproductions
        assert [one.likeness for one in found] == ["equal"]

    def test_sent_twice_it_runs_once(self, desk: Desk) -> None:
        searched(desk, 0.2)
        body = Reproduce(request_id="r")
        numbers = {desk.write(lambda tx: reproducing.reproduce(tx, "s", 0, body)).number for _ in range(2)}
        assert numbers == {1}
        (found,) = desk.read(lambda tx: reproducing.reproductions(tx, "s", 0)).reproductions
        assert found.likeness == "waiting"

    def test_what_has_no_curve_cannot_be_compared(self, desk: Desk) -> None:
        desk.study()
        desk.enqueue()
        with pytest.raises(WrongState, match="trial 0 is queued: wait until it has ended"):
            desk.write(lambda tx: reproducing.reproduce(tx, "s", 0, Reproduce()))
        desk.write(lambda tx: trials.cancel(tx, "s", 0))
        with pytest.raises(WrongState, match="trial 0 is cancelled and has no curve to compare with"):
            desk.write(lambda tx: reproducing.reproduce(tx, "s", 0, Reproduce()))
