"""Curves of running attempts are remembered only where each of their reports was taken in here."""

from dataclasses import replace
from typing import Any

import pytest

from service.domain.trial import AttemptKey, Point
from service.usecases.mirrors import curve
from service.usecases.reporting import GO_ON, ReportItem, Taken
from service.usecases.running_curves import RunningCurves
from service.wire.lease import Report, Reported
from tests.unit.service.search.samples import study


def taken(*steps: int, before: int | None = None, attempt: int = 1, metric: str = "loss", **fields: Any) -> Taken:
    key = AttemptKey(1, 0, attempt)
    points = tuple(
        Point(key=key, seq=step, step=step, metrics={metric: float(step)}, elapsed=None, cost=None) for step in steps
    )
    return Taken(Reported(acked_seq=1, directive=GO_ON), study(**fields), key, before, points)


def known(curves: RunningCurves, of: Taken) -> list[int] | None:
    found = curves.of(of)
    return None if found is None else list(found.steps)


def test_points_follow_each_other() -> None:
    curves = RunningCurves()
    for one, steps in ((taken(1, 2), [1, 2]), (taken(5, before=2), [1, 2, 5])):
        curves.follow(one)
        assert known(curves, one) == steps


def test_a_point_without_the_metric_leaves_no_gap() -> None:
    curves = RunningCurves()
    for one in (taken(1), taken(2, before=1, metric="accuracy"), taken(3, before=2)):
        curves.follow(one)
    assert known(curves, taken(3, before=2)) == [1, 3]


@pytest.mark.parametrize(
    "reports",
    [
        (taken(4, before=3),),
        (taken(1, attempt=2),),
        (taken(1), taken(5, before=3)),
        (taken(1), taken(2, before=1, objectives=[{"metric": "accuracy"}])),
    ],
    ids=["begun elsewhere", "another attempt", "a gap", "judged by another metric"],
)
def test_what_was_not_followed_from_the_start_is_read(reports: tuple[Taken, ...]) -> None:
    curves = RunningCurves()
    for one in reports:
        curves.follow(one)
    assert known(curves, reports[-1]) is None


def test_what_was_read_is_followed_on() -> None:
    curves, resumed = RunningCurves(), taken(4, before=3, attempt=2)
    curves.follow(resumed)
    curves.learn(resumed, curve([(1, 1.0), (3, 3.0), (4, 4.0)]))
    curves.follow(taken(5, before=4, attempt=2))
    assert known(curves, taken(5, before=4, attempt=2)) == [1, 3, 4, 5]


def test_what_is_handed_out_does_not_grow() -> None:
    curves = RunningCurves()
    curves.follow(taken(1))
    handed = curves.of(taken(1))
    curves.follow(taken(2, before=1))
    assert handed is not None
    assert list(handed.steps) == [1]


def test_of_many_studies_those_that_reported_last_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.usecases.running_curves._STUDIES_KNOWN", 2)
    curves = RunningCurves()
    for number, name in enumerate(("a", "b", "c")):
        curves.follow(replace(taken(1, name=name), key=AttemptKey(1, number, 1)))
    body = Report.model_validate({"token": 1, "first_seq": 1, "points": [{"step": 1, "metrics": {"loss": 1}}]})
    begun = [curves.ahead(ReportItem(name, 9, 1, body, 60.0)) for name in ("a", "b", "c")]
    assert [one is not None for one in begun] == [False, True, True]
