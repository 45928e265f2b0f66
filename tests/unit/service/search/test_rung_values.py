"""What trials had at each rung: the same whether all are compared or only those that changed are looked at."""

import random
from dataclasses import replace

from service.domain.trial import Trial
from service.search.rung_values import RungValues
from service.usecases.engine import History, Trail
from tests.unit.service.search.samples import study, trial


def shown(one: Trial) -> list[float]:
    return list(one.system.get("shown", ()))


class Growing:
    """A study whose trials change one after the other."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.trials: dict[int, Trial] = {}
        self.numbers: list[int] = []
        self.begin = 0
        self.origin = object()

    def step(self) -> None:
        number = self.chance.randrange(len(self.trials) + 1)
        before = self.trials.get(number, trial(number, "running"))
        values = [*shown(before), self.chance.random()] if self.chance.random() < 0.8 else []
        self.trials[number] = replace(before, system={"shown": values})
        self.numbers.append(number)

    def forget(self) -> None:
        self.begin, self.numbers = self.begin + len(self.numbers), []

    def history(self) -> History:
        trail = Trail(self.origin, self.numbers, self.begin, self.begin + len(self.numbers))
        return History(study(), dict(self.trials), {}, trail=trail)


def test_what_changed_is_enough_to_know() -> None:
    growing, followed = Growing(random.randrange(2**32)), RungValues(shown)
    for turn in range(300):
        for _ in range(growing.chance.randrange(4)):
            growing.step()
        if turn % 50 == 49:
            growing.forget()
        history = growing.history()
        for rung in range(3):
            expected = {n: shown(one)[rung] for n, one in history.trials.items() if len(shown(one)) > rung and n != 1}
            assert followed.at(history, rung, besides=1) == expected
            assert followed.count(history, rung, besides=1) == len(expected)


def test_only_what_changed_is_read() -> None:
    read: list[int] = []

    def counted(one: Trial) -> list[float]:
        read.append(one.number)
        return shown(one)

    growing, followed = Growing(1), RungValues(counted)
    for _ in range(20):
        growing.step()
    followed.at(growing.history(), 0, besides=1)
    read.clear()
    growing.step()
    followed.at(growing.history(), 0, besides=1)
    followed.at(growing.history(), 1, besides=1)
    assert read == [growing.numbers[-1]]


def test_a_history_of_another_origin_is_compared_whole() -> None:
    """A mirror that was thrown away and made anew counts its changes from the beginning."""
    growing, followed = Growing(2), RungValues(shown)
    for _ in range(20):
        growing.step()
    followed.at(growing.history(), 0, besides=1)
    growing.step()
    growing.origin, growing.numbers = object(), []
    history = growing.history()
    assert followed.at(history, 0, besides=-1) == {n: shown(one)[0] for n, one in history.trials.items() if shown(one)}


def test_an_older_history_takes_nothing_back() -> None:
    growing, followed = Growing(3), RungValues(shown)
    growing.trials[0] = trial(0, "running", system={"shown": [0.5]})
    older = growing.history()
    growing.trials[1] = trial(1, "running", system={"shown": [0.25]})
    growing.numbers.append(1)
    followed.at(growing.history(), 0, besides=-1)
    assert followed.at(older, 0, besides=-1) == {0: 0.5, 1: 0.25}
