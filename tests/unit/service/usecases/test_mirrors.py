"""What a process remembers of its studies, and how it tidies up."""

import pytest

from service.usecases import reading, studies
from service.usecases.engine import History
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction
from service.usecases.reading import StudyView
from service.usecases.suggesting import situation
from service.usecases.upkeep import Upkeep
from tests.unit.service.usecases.conftest import Desk


def view(desk: Desk, mirrors: Mirrors, study: str = "s") -> StudyView:
    return desk.read(lambda tx: reading.study_view(tx, mirrors, study))


def finish(desk: Desk, *losses: float, study: str = "s") -> None:
    desk.enqueue(len(losses), study)
    for lease, loss in zip(desk.ask(len(losses), study), losses, strict=True):
        desk.complete(lease, values={"loss": loss})


@pytest.mark.parametrize(("direction", "best"), [("minimize", 1), ("maximize", 2)])
def test_the_best_trial_follows_the_direction(desk: Desk, direction: str, best: int) -> None:
    desk.study(objectives=[{"metric": "loss", "direction": direction}])
    mirrors = Mirrors(1000)
    assert view(desk, mirrors).best is None
    finish(desk, 0.5, 0.1, 0.9)
    found = view(desk, mirrors).best
    assert found is not None
    assert found.number == best
    finish(desk, 0.1, 0.9)
    again = view(desk, mirrors).best
    assert again is not None
    assert again.number == best, "of equals, the first"


def test_counts_follow_each_move(desk: Desk) -> None:
    desk.study()
    mirrors = Mirrors(1000)
    desk.enqueue(3)
    assert view(desk, mirrors).counts == {"queued": 3}
    (lease,) = desk.ask()
    assert view(desk, mirrors).counts == {"queued": 2, "running": 1}
    desk.complete(lease, values={"loss": 1})
    assert {state: count for state, count in view(desk, mirrors).counts.items() if count} == {
        "queued": 2,
        "completed": 1,
    }


def test_what_waits_follows_each_move(desk: Desk) -> None:
    desk.study()
    mirrors = Mirrors(1000)

    def waiting() -> list[int]:
        return [trial.number for trial in desk.read(lambda tx: situation(tx, mirrors, "s")).waiting]

    desk.enqueue(3)
    assert waiting() == [0, 1, 2]
    (lease,) = desk.ask()
    assert waiting() == [1, 2]
    desk.enqueue(1)
    desk.complete(lease, failure={"class": "infra", "message": "lost"}, outcome="failed")
    assert waiting() == [0, 1, 2, 3], "one that is tried again waits, too"
    assert {one.trial for one in desk.ask(4)} | set(waiting()) == {0, 1, 2, 3}
    mirror = desk.read(lambda tx: mirrors.of(tx, tx.studies.get("s")))
    assert mirror._queued == set(waiting()), "nobody looks through what waits no more"


def test_only_what_changed_is_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.usecases.mirrors._AT_ONCE", 4)
    desk.study()
    mirrors = Mirrors(1000)
    desk.enqueue(10)
    assert view(desk, mirrors).counts == {"queued": 10}, "more than fit in one reading"
    study = desk.read(lambda tx: tx.studies.get("s"))
    mirror = desk.read(lambda tx: mirrors.of(tx, study))
    before = mirror.trials[5]
    desk.enqueue()
    desk.read(lambda tx: mirrors.of(tx, tx.studies.get("s")))
    assert mirror.trials[5] is before


def test_idle_studies_are_forgotten_first(desk: Desk) -> None:
    mirrors = Mirrors(5)
    for name in ("a", "b", "c"):
        desk.study(name)
        desk.enqueue(2, name)
        view(desk, mirrors, name)
    view(desk, mirrors, "b")
    assert sum(mirrors.sizes().values()) <= 5
    assert set(mirrors.sizes()) == {2, 3}


def test_upkeep_forgets_what_is_old_and_what_was_deleted(desk: Desk) -> None:
    desk.study()
    desk.enqueue(3)
    desk.ask(request_id="r")
    desk.write(lambda tx: studies.delete(tx, "s", force=True, revision=None))
    upkeep = Upkeep(event_days=1, request_hours=1)
    assert desk.run(upkeep.tidy(desk.store)) > 0
    assert desk.read(lambda tx: tx.trials.counts([1])) in ({}, {1: {}})
    assert len(desk.events()) == 6, "events are kept for a day"
    desk.later(days=2)
    assert desk.run(upkeep.tidy(desk.store)) == 7, "six events and one answer"
    assert desk.run(upkeep.tidy(desk.store)) == 0


def test_a_curve_that_was_read_too_early_is_read_once_more(desk: Desk) -> None:
    desk.study()
    mirrors = Mirrors(1000)
    desk.enqueue()
    (lease,) = desk.ask()
    desk.report(lease, 0.5)
    early = desk.read(lambda tx: (tx.studies.get("s"), tx.points.curves(tx.studies.get("s").id, [0], "loss")))
    desk.report(lease, 0.25, first=2)
    desk.complete(lease, values={"loss": 0.25})

    def read_early(tx: Transaction) -> History:
        # Another thread has told the mirror of the trial's end, and this one's transaction began before that.
        study, points = early
        mirror = mirrors.of(tx, tx.studies.get("s"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tx.points, "curves", lambda *_: points)
            return mirror.history(tx, study)

    before = desk.read(read_early)
    assert list(before.curves[0].steps) == [1]
    after = desk.read(lambda tx: situation(tx, mirrors, "s")).history
    assert list(after.curves[0].steps) == [1, 2]
    assert before.trail is not None
    assert after.trail is not None
    assert after.trail.since(before.trail.end) == [0], "who keeps what he made of it is told"
