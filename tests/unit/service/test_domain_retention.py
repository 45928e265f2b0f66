"""Which checkpoints go first."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from service.domain.retention import over_limit, superseded
from service.domain.trial import ARTIFACT, AttemptKey, Checkpoint, Rerun, Trial
from service.wire.objective import Objective

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def kept(number: int, step: int = 1, attempt: int = 1, *, elsewhere: bool = False) -> Checkpoint:
    uri = "s3://x" if elsewhere else f"{ARTIFACT}1/{number}-{step}"
    key = AttemptKey(1, number, attempt)
    return Checkpoint(key=key, step=step, uri=uri, sha256="0" * 64, size=10, committed_at=THEN)


def trial(number: int, state: Any, value: float | None = None) -> Trial:
    values = None if value is None else {"loss": value}
    return Trial(study_id=1, number=number, state=state, origin="sampled", params={}, values=values, created_at=THEN)


TRIALS = {
    one.number: one
    for one in (
        trial(0, "completed", 0.3),
        trial(1, "completed", 0.1),
        trial(2, "completed", 0.9),
        trial(3, "failed"),
        trial(4, "running"),
        trial(5, "paused"),
        trial(6, "queued"),
        trial(7, "completed", float("nan")),
    )
}
ALL = [kept(number, step) for number in range(8) for step in (1, 2)]


def order(objective: Objective) -> list[tuple[int, int]]:
    """All that may go, in the order in which it goes."""
    return [(one.key.number, one.step) for one in over_limit(ALL, TRIALS, objective, 0)]


def test_the_worst_of_the_ended_go_first_the_paused_last() -> None:
    went = order(Objective(metric="loss"))
    assert set(went[:4]) == {(3, 1), (3, 2), (7, 1), (7, 2)}, "those without a result"
    assert went[4:] == [(2, 1), (2, 2), (0, 1), (0, 2), (4, 1), (6, 1), (1, 1), (1, 2), (5, 1), (5, 2)]


def test_the_direction_says_which_is_the_best() -> None:
    went = order(Objective(metric="loss", direction="maximize"))
    assert went[4:12] == [(1, 1), (1, 2), (0, 1), (0, 2), (4, 1), (6, 1), (2, 1), (2, 2)]


@pytest.mark.parametrize(("most", "gone"), [(160, 0), (159, 1), (150, 1), (149, 2), (0, 14)])
def test_no_more_go_than_must(most: int, gone: int) -> None:
    assert len(over_limit(ALL, TRIALS, Objective(metric="loss"), most)) == gone


def test_the_best_is_nobody_where_nothing_has_a_result() -> None:
    went = over_limit([kept(3), kept(5)], TRIALS, Objective(metric="loss"), 0)
    assert [one.key.number for one in went] == [3, 5]


def test_what_a_later_attempt_saved_is_newer() -> None:
    held = [kept(4, 9, attempt=1), kept(4, 3, attempt=2)]
    (gone,) = over_limit(held, TRIALS, Objective(metric="loss"), 0)
    assert (gone.key.attempt, gone.step) == (1, 9)


def test_superseded_are_all_but_the_last() -> None:
    newest_first = [kept(0, step) for step in (4, 3, 2, 1)]
    assert [one.step for one in superseded(newest_first, 1)] == [3, 2, 1]
    assert [one.step for one in superseded(newest_first, 3)] == [1]
    assert list(superseded(newest_first, 9)) == []
    assert list(superseded([], 1)) == []


def test_what_is_kept_elsewhere_is_not_ours_to_remove() -> None:
    mixed = [kept(0, 4, elsewhere=True), kept(0, 3), kept(0, 2), kept(0, 1, elsewhere=True)]
    assert [one.step for one in superseded(mixed, 1)] == [2]


def test_the_model_of_a_refit_never_goes() -> None:
    rerun = Rerun(of=1, seed=3)
    refit = replace(trial(8, "completed"), purpose="refit", rerun=rerun)
    confirm = replace(trial(9, "completed", 0.5), purpose="confirm", rerun=rerun)
    known = {8: refit, 9: confirm}
    went = over_limit([kept(8), kept(9)], known, Objective(metric="loss"), 0)
    assert [one.key.number for one in went] == [9]
