"""The line of writes: the urgent go first while few wait, nobody is passed twice, and many go together."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.store import waiting
from service.store.waiting import FEW, Line, Waiting
from tests.patience import PATIENCE


class Scene:
    """A line, and those in it by their names."""

    def __init__(self) -> None:
        self.line = Line()
        self._names: dict[int, str] = {}
        self._loop = asyncio.new_event_loop()

    def come(self, *names: str) -> list[Waiting]:
        """Those whose names begin with a capital are urgent."""
        made = []
        for name in names:
            one = Waiting(self._loop.create_future(), self._loop, urgent=name[0].isupper())
            self._names[id(one)] = name
            self.line.add(one)
            made.append(one)
        return made

    def taken(self, most: int = 1_000) -> list[str]:
        return [self._names[id(one)] for one in self.line.take(most)]

    def close(self) -> None:
        self._loop.close()


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.close()
    return made


def test_the_urgent_go_first_and_by_themselves(scene: Scene) -> None:
    scene.come("a", "b", "A", "B")
    assert scene.line.hurries()
    assert scene.taken() == ["A", "B"]
    assert not scene.line.hurries()
    assert scene.taken() == ["a", "b"]


def test_nobody_is_passed_twice(scene: Scene) -> None:
    scene.come("a", "A")
    assert scene.taken() == ["A"]
    scene.come("B")
    assert scene.taken() == ["a"]
    assert scene.taken() == ["B"]


def test_who_let_others_pass_stands_in_front(scene: Scene) -> None:
    left = scene.come("a", "b")
    assert scene.taken() == ["a", "b"]
    scene.come("c", "A")
    scene.line.again(left)
    assert scene.taken() == ["A"]
    assert scene.taken() == ["a", "b", "c"]


def test_where_many_wait_all_share_their_commits(scene: Scene) -> None:
    scene.come(*map(str, range(FEW)), "A")
    assert not scene.line.hurries()
    assert scene.taken() == ["A", *map(str, range(FEW))]


def test_those_who_were_taken_count_among_the_many(scene: Scene) -> None:
    scene.come("A")
    assert scene.line.hurries(FEW - 1)
    assert not scene.line.hurries(FEW)


def test_no_more_are_taken_than_a_batch_holds(scene: Scene) -> None:
    scene.come("a", "b", "c")
    assert scene.taken(2) == ["a", "b"]
    assert scene.taken(2) == ["c"]


def test_a_closed_line_is_served_to_its_end(scene: Scene) -> None:
    scene.come("a")
    scene.line.close()
    assert scene.taken() == ["a"]
    assert scene.taken() == []


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd is given all the time it needs."""
    monkeypatch.setattr(waiting, "GATHERING", PATIENCE)


@pytest.fixture
def crowd(scene: Scene) -> list[str]:
    """As many as are a crowd, who have been served together."""
    names = [str(place) for place in range(FEW + 1)]
    scene.come(*names)
    assert scene.taken() == names
    return names


@pytest.mark.usefixtures("patient")
def test_a_crowd_is_waited_for(scene: Scene, crowd: list[str]) -> None:
    first, *others = crowd
    scene.come(first)
    with ThreadPoolExecutor() as threads:
        taken = threads.submit(scene.taken)
        # A capital that comes when many stand here already does not hurry.
        scene.come(*others[:-1], "A")
        assert taken.result(PATIENCE) == ["A", first, *others[:-1]]


def test_a_crowd_that_does_not_come_is_waited_for_no_longer(scene: Scene, crowd: list[str]) -> None:
    scene.come(crowd[0])
    assert scene.taken() == crowd[:1]


@pytest.mark.usefixtures("patient", "crowd")
def test_who_hurries_does_not_wait_for_a_crowd(scene: Scene) -> None:
    scene.come("a")
    with ThreadPoolExecutor() as threads:
        taken = threads.submit(scene.taken)
        scene.come("A")
        assert taken.result(PATIENCE / 2) == ["A"]


@pytest.mark.usefixtures("patient")
def test_a_few_are_not_waited_for(scene: Scene) -> None:
    scene.come(*map(str, range(FEW)))
    scene.taken()
    scene.come("a")
    with ThreadPoolExecutor() as threads:
        assert threads.submit(scene.taken).result(PATIENCE / 2) == ["a"]


@pytest.mark.usefixtures("patient", "crowd")
def test_nobody_is_waited_for_once_the_line_is_closed(scene: Scene) -> None:
    scene.come("a")
    with ThreadPoolExecutor() as threads:
        taken = threads.submit(scene.taken)
        scene.line.close()
        assert taken.result(PATIENCE / 2) == ["a"]


@pytest.mark.usefixtures("patient")
def test_those_for_whom_a_batch_had_no_room_are_a_crowd_already(scene: Scene) -> None:
    names = [str(place) for place in range(2 * FEW + 2)]
    scene.come(*names)
    assert scene.taken(FEW + 1) == names[: FEW + 1]
    with ThreadPoolExecutor() as threads:
        assert threads.submit(scene.taken, FEW + 1).result(PATIENCE / 2) == names[FEW + 1 :]
