"""The honest end of a study: what is queued when, what it shows, and what reruns are to everything else."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from service.domain.audit import AuditQuery
from service.domain.confirming import interval
from service.domain.errors import FinishNotFound, FinishRunning, Invalid, SplitOpened, WrongState
from service.domain.query import TrialQuery
from service.domain.trial import Trial
from service.usecases import completing, reading, studies, trials
from service.usecases.finishing import reading as reports
from service.usecases.finishing import reproducing, starting
from service.usecases.judging import Judge
from service.usecases.leasing import expire
from service.usecases.mirrors import Mirrors
from service.usecases.reporting import ReportItem
from service.wire import finish as wire
from service.wire.finish import FinishStudy, Reproduce
from service.wire.lease import Complete, Directive, Lease, Report
from service.wire.trial import NewPoint, NewTrial
from tests.unit.service.usecases.conftest import TTL, Desk
from tests.unit.service.usecases.fleet import Fleet
from tests.unit.service.usecases.test_judging import Pausing

ALL = TrialQuery(purposes=(), size=1_000)
TEST = {"test_loss": 0.31, "test_accuracy": 0.9}


def searched(desk: Desk, *losses: float, state: str = "completed", **fields: Any) -> None:
    """A study whose search has ended: its trials 0, 1, ... had these losses."""
    desk.study(**{"budget": {"max_trials": len(losses)}, "trainer": {"name": "cnn"}, **fields})
    for place, loss in enumerate(losses):
        desk.write(partial(trials.add, study="s", new=NewTrial(params={"lr": (place + 1) / 100})))
        (lease,) = desk.ask()
        desk.report(lease, loss + 1, loss)
        desk.complete(lease)
    if state == "stopped":
        desk.write(lambda tx: studies.resume(tx, "s", None))
        desk.write(lambda tx: studies.stop(tx, "s", "finish", None))
    assert desk.state() == state


def begin(desk: Desk, **fields: Any) -> None:
    body = FinishStudy.model_validate({"top": 2, "seeds": 2, **fields})
    desk.write(lambda tx: starting.start(tx, "s", body))


def report(desk: Desk) -> wire.Finish:
    return desk.read(lambda tx: reports.report(tx, "s"))


def reruns(desk: Desk) -> Sequence[Trial]:
    found = desk.read(lambda tx: tx.trials.list(tx.studies.get("s").id, ALL)).items
    return [one for one in found if not one.searches]


def run(desk: Desk, lease: Lease, *losses: float, test: Mapping[str, float] | None = None, **fields: Any) -> None:
    """Train what a lease is for, and complete it."""
    if losses:
        desk.report(lease, *losses)
    if test is not None:
        judged(desk, lease, {90: test}, first=len(losses) + 1)
    desk.complete(lease, **fields)


def judged(desk: Desk, lease: Lease, points: Mapping[int, Mapping[str, float]], first: int = 1) -> Directive:
    """Report points to a judge whose scheduler would pause every trial; answers what it said."""

    async def now(work: Callable[[], Any]) -> Any:
        return work()

    judge = Judge(desk.store, Pausing(), Mirrors(1_000), now)
    told = tuple(NewPoint(step=step, metrics=dict(metrics)) for step, metrics in points.items())
    body = Report(token=lease.token, first_seq=first, points=told)
    answer: Directive = desk.run(judge.report(ReportItem("s", lease.trial, lease.attempt, body, TTL))).directive
    return answer


def confirm(desk: Desk, *losses: float) -> None:
    """Complete the runs that wait, in their order, with these losses."""
    for loss in losses:
        (lease,) = desk.ask()
        assert lease.purpose == "confirm"
        desk.later(seconds=10)
        run(desk, lease, loss + 1, loss)


def refit(desk: Desk, **fields: Any) -> Lease:
    (lease,) = desk.ask()
    assert lease.purpose == "refit"
    run(desk, lease, **{"test": TEST, **fields})
    return lease


def audited(desk: Desk) -> list[tuple[str, str, Mapping[str, Any]]]:
    found = desk.read(lambda tx: tx.audit.list(AuditQuery(size=100)))
    return [(one.operation, one.actor, one.detail) for one in found.items if one.operation == "evaluate_test"]


def test_the_best_are_run_again_on_the_same_fresh_seeds(desk: Desk) -> None:
    searched(desk, 0.5, 0.2, 0.9, 0.3)
    begin(desk, top=2, seeds=3)
    found = [(one.purpose, one.params, one.rerun) for one in reruns(desk)]
    assert [rerun.of for _, _, rerun in found if rerun] == [1, 3] * 3
    assert {purpose for purpose, _, _ in found} == {"confirm"}
    assert [params["lr"] for _, params, _ in found] == [0.02, 0.04] * 3
    seeds = [rerun.seed for _, _, rerun in found if rerun]
    assert seeds[::2] == seeds[1::2] == list(report(desk).seeds)
    assert len(set(seeds)) == 3
    assert 7 not in seeds, "the search's own seed"


@pytest.mark.parametrize("state", ["completed", "stopped"])
def test_a_study_whose_search_has_ended_hands_its_reruns_out(desk: Desk, state: str) -> None:
    searched(desk, 0.5, 0.2, state=state)
    with pytest.raises(WrongState, match="hands out no trials"):
        desk.ask()
    fleet = Fleet(desk)
    fleet.join()
    assert fleet.leases() == ()
    begin(desk)
    (lease,) = fleet.leases()
    seeds = report(desk).seeds
    assert (lease.purpose, lease.seed, lease.trial) == ("confirm", seeds[0], 2)
    (other,) = desk.ask()
    assert (other.seed, other.trial) == (seeds[0], 3)
    assert desk.state() == state


def test_the_whole_way(desk: Desk) -> None:
    searched(desk, 0.5, 0.2, 0.3)
    begin(desk)
    assert report(desk).state == "confirming"
    confirm(desk, 0.21, 0.41, 0.25, 0.43)
    found = report(desk)
    assert (found.state, found.winner, found.done, found.of) == ("refitting", 1, 4, 5)
    lease = refit(desk)
    assert (lease.params, lease.seed, lease.steps) == ({"lr": 0.02}, found.seeds[0], 2)
    found = report(desk)
    assert (found.state, found.reason, found.done, found.of) == ("finished", None, 5, 5)
    assert [(one.round, one.trial, one.metrics, one.again) for one in found.tests] == [(1, lease.trial, TEST, None)]
    best, other = found.candidates
    assert (best.trial, best.searched, best.best, other.trial) == (1, 0.2, True, 2)
    expected = interval([0.21, 0.25])
    assert expected is not None
    assert best.value is not None
    assert (best.value.mean, best.value.low) == (expected.mean, expected.low)
    assert best.seconds == 10.0
    assert found.card is not None
    assert "| `test_loss` | 0.31 |" in found.card
    assert "it was looked at this once" in found.card


def test_the_one_look_at_the_test_split_stands_in_the_audit_log(desk: Desk) -> None:
    searched(desk, 0.5, 0.2)
    begin(desk)
    confirm(desk, *[0.3] * 4)
    assert audited(desk) == []
    lease = refit(desk)
    ((_, actor, detail),) = audited(desk)
    assert actor == "system"
    assert (detail["trial"], detail["round"], detail["started_by"]) == (lease.trial, 1, "local")
    assert detail["metrics"] == {"test_loss": "0.31", "test_accuracy": "0.9"}


def test_a_second_look_needs_a_reason(desk: Desk) -> None:
    searched(desk, 0.5, 0.2)
    begin(desk)
    with pytest.raises(FinishRunning, match="study 's' is being finished since 2026-01-01"):
        begin(desk, again="no patience")
    confirm(desk, *[0.3] * 4)
    refit(desk)
    with pytest.raises(SplitOpened, match="was opened at 2026-01-01 00:00 UTC, for local"):
        begin(desk)
    first = report(desk)
    begin(desk, again="the labels were corrected")
    assert set(report(desk).seeds).isdisjoint(first.seeds), "what was fresh is so no more"
    confirm(desk, *[0.3] * 4)
    refit(desk, test={"test_loss": 0.5})
    found = report(desk)
    assert (found.round, found.again) == (2, "the labels were corrected")
    assert [(one.round, one.metrics, one.again) for one in found.tests] == [
        (1, TEST, None),
        (2, {"test_loss": 0.5}, "the labels were corrected"),
    ]
    assert found.card is not None
    assert "This split was looked at 2 times" in found.card
    assert [detail.get("again") for _, _, detail in audited(desk)] == ["the labels were corrected", None]


def test_a_trainer_that_cannot_refit_leaves_the_confirmed_winner(desk: Desk) -> None:
    searched(desk, 0.5, 0.2)
    begin(desk)
    confirm(desk, *[0.3] * 4)
    (lease,) = desk.ask()
    failure = {"class": "user_error", "message": "this trainer cannot be trained on everything\nat all"}
    run(desk, lease, outcome="failed", failure=failure)
    found = report(desk)
    assert (found.state, found.tests, found.artifact, found.winner) == ("finished", (), None, 0)
    assert found.reason == (
        "the winner was confirmed, but not trained on everything: this trainer cannot be trained on everything"
    )
    assert found.card is not None
    assert "It was not evaluated: the winner was confirmed" in found.card
    assert audited(desk) == []
    begin(desk)  # no test split was opened: no reason is needed


@pytest.mark.parametrize(
    ("end", "state", "reason"),
    [
        ({"test": None}, "finished", "the trainer cnn reported no test_... metric: no sealed test split was evaluated"),
        (
            {"test": None, "outcome": "failed", "failure": {"class": "oom", "message": "out of memory"}},
            "failed",
            "trial 6, which trained the winner on everything, infeasible (oom): out of memory",
        ),
    ],
    ids=["it tests nothing", "it breaks"],
)
def test_how_a_refit_may_end(desk: Desk, end: Mapping[str, Any], state: str, reason: str) -> None:
    searched(desk, 0.5, 0.2)
    begin(desk)
    confirm(desk, *[0.3] * 4)
    (lease,) = desk.ask()
    run(desk, lease, 0.5, **end)
    assert (report(desk).state, report(desk).reason) == (state, reason)


def test_a_look_that_was_taken_counts_even_if_the_refit_broke(desk: Desk) -> None:
    searched(desk, 0.5, 0.2)
    begin(desk)
    confirm(desk, *[0.3] * 4)
    refit(desk, outcome="failed", failure={"class": "crash", "message": "at the end"})
    assert report(desk).state == "failed"
    assert len(audited(desk)) == 1
    with pytest.raises(SplitOpened):
        begin(desk)


def test_a_run_that_fails_counts_against_its_trial(desk: Desk) -> None:
    searched(desk, 0.2, 0.5)
    begin(desk)
    (first,) = desk.ask()
    run(desk, first, outcome="failed", failure={"class": "nan", "message": "NaN"})
    confirm(desk, 0.6, 0.2, 0.7)
    found = report(desk)
    assert found.winner == 1
    assert [(one.trial, one.failed) for one in found.candidates] == [(1, 0), (0, 1)]


def test_nobody_wins_where_nothing_completes(desk: Desk) -> None:
    searched(desk, 0.2)
    begin(desk)
    for _ in range(2):
        (lease,) = desk.ask()
        run(desk, lease, outcome="failed", failure={"class": "oom"})
    assert (report(desk).state, report(desk).reason) == ("failed", "no trial completed on 2 of the 2 seeds")
    assert report(desk).card is None


def test_a_lost_run_is_taken_up_again(desk: Desk) -> None:
    searched(desk, 0.2)
    begin(desk)
    (lease,) = desk.ask()
    desk.report(lease, 0.4)
    desk.later(seconds=TTL + 1)
    desk.write(lambda tx: expire(tx, tx.studies.get("s")))
    assert desk.trial(lease.trial).state == "queued"
    assert desk.report(lease, 0.3, first=2).acked_seq == 2, "heard of again before it was granted anew"
    assert desk.trial(lease.trial).state == "running"


def test_a_run_of_which_no_attempt_is_left_is_over(desk: Desk) -> None:
    searched(desk, 0.2, retry={"max_attempts": 1})
    begin(desk)
    for _ in range(2):
        desk.ask()
        desk.later(seconds=TTL + 1)
        desk.write(lambda tx: expire(tx, tx.studies.get("s")))
    assert report(desk).state == "failed"


def test_it_can_be_called_off(desk: Desk) -> None:
    searched(desk, 0.5, 0.2)
    with pytest.raises(FinishNotFound):
        desk.write(lambda tx: starting.cancel(tx, "s"))
    begin(desk)
    (lease,) = desk.ask()
    desk.write(lambda tx: starting.cancel(tx, "s"))
    assert {one.state for one in reruns(desk)} == {"cancelled"}
    assert desk.report(lease, 0.4).directive.type == "stop"
    assert (report(desk).state, report(desk).reason) == ("cancelled", "cancelled by a user")
    with pytest.raises(WrongState, match="is cancelled: there is nothing to cancel"):
        desk.write(lambda tx: starting.cancel(tx, "s"))
    begin(desk)


def test_a_cancelled_refit_calls_it_off(desk: Desk) -> None:
    searched(desk, 0.5, 0.2)
    begin(desk)
    confirm(desk, *[0.3] * 4)
    desk.write(lambda tx: trials.cancel(tx, "s", 6))
    assert report(desk).state == "cancelled"


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
