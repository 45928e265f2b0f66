"""A study's trials are trained on the same data: the first one says which, one with others is refused."""

import pytest

from service.domain.errors import DataDiffer
from service.usecases.reporting import ReportItem, report_together
from service.wire.lease import Lease, Report
from service.wire.trial import NewPoint
from tests.unit.service.usecases.conftest import TTL, Desk

FIRST, OTHER = "ab" * 32, "cd" * 32


def item(lease: Lease, data: str | None, seq: int = 1) -> ReportItem:
    points = (NewPoint(step=seq, metrics={"loss": 1.0}),)
    body = Report(token=lease.token, first_seq=seq, points=points, data_fingerprint=data)
    return ReportItem(lease.study, lease.trial, lease.attempt, body, TTL)


def kept(desk: Desk, study: str = "s") -> str | None:
    return desk.read(lambda tx: tx.studies.get(study).data_fingerprint)


def test_the_first_report_that_tells_of_its_data_is_kept_and_told_with_later_leases(desk: Desk) -> None:
    desk.study()
    desk.enqueue(3)
    first, second = desk.ask(2)
    assert (kept(desk), first.data_fingerprint) == (None, None)
    desk.report(first, 0.5)
    assert kept(desk) is None
    desk.run(desk.store.write_together(report_together, item(second, FIRST)))
    assert kept(desk) == FIRST
    (third,) = desk.ask()
    assert third.data_fingerprint == FIRST
    desk.report(third, 0.5)
    desk.run(desk.store.write_together(report_together, item(first, FIRST, 2)))
    assert kept(desk) == FIRST


def test_other_data_are_refused_with_both_fingerprints_and_leave_nothing(desk: Desk) -> None:
    desk.study()
    desk.enqueue(2)
    first, second = desk.ask(2)
    desk.run(desk.store.write_together(report_together, item(first, FIRST)))
    with pytest.raises(DataDiffer) as refused:
        desk.run(desk.store.write_together(report_together, item(second, OTHER)))
    assert str(refused.value) == (
        f"this trial is trained on data with fingerprint {OTHER}, "
        f"but the first trial of study 's' was trained on data with {FIRST}"
    )
    assert kept(desk) == FIRST
    study_id = desk.read(lambda tx: tx.studies.get("s").id)
    assert desk.read(lambda tx: list(tx.points.list(study_id, 1, (0, 0), 10))) == []


def test_which_data_they_are_can_be_told_before_there_is_a_point(desk: Desk) -> None:
    desk.study()
    desk.enqueue(2)
    first, second = desk.ask(2)

    def asked(lease: Lease, data: str) -> ReportItem:
        body = Report(token=lease.token, first_seq=1, points=(), data_fingerprint=data)
        return ReportItem(lease.study, lease.trial, lease.attempt, body, TTL)

    desk.run(desk.store.write_together(report_together, asked(first, FIRST)))
    assert kept(desk) == FIRST
    with pytest.raises(DataDiffer):
        desk.run(desk.store.write_together(report_together, asked(second, OTHER)))
    desk.run(desk.store.write_together(report_together, item(first, FIRST)))
    with pytest.raises(ValueError, match="must have at least 1 item, unless data_fingerprint is told"):
        Report(token=first.token, first_seq=1, points=())


def test_of_two_that_tell_at_the_same_moment_one_is_first(desk: Desk) -> None:
    """Both began before the study knew: their reports come in one commit."""
    desk.study()
    desk.enqueue(3)
    leases = desk.ask(3)

    def both(tx: object) -> list[object]:
        items = [item(one, data) for one, data in zip(leases, (FIRST, OTHER, FIRST), strict=True)]
        return list(report_together(tx, items))  # type: ignore[arg-type]

    one, two, three = desk.write(both)
    assert isinstance(two, DataDiffer)
    assert not isinstance(one, BaseException)
    assert not isinstance(three, BaseException)
    assert kept(desk) == FIRST


def test_each_study_has_its_own(desk: Desk) -> None:
    for name in ("s", "t"):
        desk.study(name)
        desk.enqueue(study=name)
    (mine,), (theirs,) = desk.ask(), desk.ask(study="t")
    desk.run(desk.store.write_together(report_together, item(mine, FIRST)))
    desk.run(desk.store.write_together(report_together, item(theirs, OTHER)))
    assert (kept(desk), kept(desk, "t")) == (FIRST, OTHER)
