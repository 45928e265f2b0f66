"""After a resume: the curve is compared with what it was before, and the attempt tells."""

from service.domain.trial import Continuity
from service.usecases import checkpointing
from service.wire.lease import Lease, NewCheckpoint
from tests.unit.service.usecases.conftest import TTL, Desk


def resumed(desk: Desk, at: int = 6) -> Lease:
    """A trial that fell by a tenth each step, and goes on from a checkpoint."""
    desk.study()
    desk.enqueue()
    (lease,) = desk.ask()
    desk.report(lease, *[1 - step / 10 for step in range(1, 9)])
    body = NewCheckpoint(token=lease.token, uri="file:///x", sha256="0" * 64, size=1)
    desk.write(lambda tx: checkpointing.commit(tx, "s", 0, 1, at, body, ttl_seconds=TTL))
    desk.complete(lease, outcome="preempted")
    (again,) = desk.ask()
    assert again.resume_step == at
    return again


def told(desk: Desk, attempt: int = 2) -> Continuity | None:
    found = desk.read(lambda tx: tx.attempts.list(tx.studies.get("s").id, 0))
    return found[attempt - 1].continuity


def test_a_curve_that_goes_on_is_told_once_there_are_points_enough(desk: Desk) -> None:
    lease = resumed(desk)
    desk.report(lease, 0.32, 0.22, first=1, step=7)
    assert told(desk) is None
    desk.report(lease, 0.12, first=3, step=9)
    found = told(desk)
    assert found is not None
    assert not found.jumped
    assert found.metric == "loss"
    assert told(desk, 1) is None, "an attempt from the beginning has nothing to be compared with"


def test_a_jump_is_told_and_stays(desk: Desk) -> None:
    lease = resumed(desk)
    desk.report(lease, 2.0, 1.9, 1.8, first=1, step=7)
    found = told(desk)
    assert found is not None
    assert found.jumped
    assert (found.before, found.after) == (0.5, 1.9)
    desk.report(lease, 0.1, 0.1, 0.1, first=4, step=10)
    assert told(desk) == found
    desk.complete(lease)
    assert told(desk) == found
