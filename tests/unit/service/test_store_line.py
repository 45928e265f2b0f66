"""The line of writes: the urgent go first while few wait, nobody is passed twice, and many go together."""

import asyncio

import pytest

from service.store.waiting import FEW, Line, Waiting


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
