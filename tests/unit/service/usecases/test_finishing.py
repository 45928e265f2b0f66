"""The honest end of a study: what is queued when, and what it shows."""

from collections.abc import Mapping
from typing import Any

import pytest

from service.domain.confirming import interval
from service.domain.errors import FinishNotFound, FinishRunning, Invalid, SplitOpened, TrialNotFound, WrongState
from service.usecases import trials
from service.usecases.finishing import starting
from service.usecases.leasing import expire
from tests.unit.service.usecases.conftest import TTL, Desk
from tests.unit.service.usecases.finishing import TEST, audited, begin, confirm, refit, report, reruns, run, searched
from tests.unit.service.usecases.fleet import Fleet


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


def test_a_trial_is_run_beside_the_best_on_the_same_seeds(desk: Desk) -> None:
    searched(desk, 0.9, 0.2, 0.3)
    begin(desk, top=1, beside=0)
    assert [one.rerun.of for one in reruns(desk) if one.rerun] == [1, 0] * 2
    confirm(desk, 0.2, 0.6, 0.21, 0.62)
    (best, beside) = report(desk).candidates
    assert (best.trial, beside.trial, beside.tied) == (1, 0, False)
    assert beside.behind is not None
    assert beside.behind.mean == pytest.approx(0.405)
    assert report(desk).winner == 1


def test_one_of_the_best_is_not_run_twice(desk: Desk) -> None:
    searched(desk, 0.9, 0.2, 0.3)
    begin(desk, top=2, beside=2)
    assert [one.rerun.of for one in reruns(desk) if one.rerun] == [1, 2] * 2


def test_what_cannot_be_run_beside_them_is_refused(desk: Desk) -> None:
    searched(desk, 0.9, 0.2)
    with pytest.raises(TrialNotFound):
        begin(desk, top=1, beside=99)
    begin(desk, top=1)
    number = reruns(desk)[0].number
    desk.write(lambda tx: starting.cancel(tx, "s"))
    with pytest.raises(Invalid, match=f"names trial {number}, which is itself another run of a trial"):
        begin(desk, top=1, beside=number)


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
