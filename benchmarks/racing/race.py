"""One race: workers in virtual time, a player who says what they train, and when the best value seen got how good."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from benchmarks.racing.table import RESUMING, Table


@dataclass(frozen=True, slots=True)
class Start:
    """What a free worker is to do: begin a trial at a place, or go on with one that was paused."""

    number: int
    place: np.ndarray | None = None


class Player(Protocol):
    """A search policy."""

    def next(self) -> Start | None:
        """What a free worker does."""

    def placed(self, number: int, place: np.ndarray) -> None:
        """A new trial was given the configuration that is nearest to where it was wanted."""

    def report(self, number: int, epoch: int, loss: float, elapsed: float) -> bool:
        """Whether a trial goes on after an epoch."""

    def complete(self, number: int) -> None:
        """A trial has trained to the end."""


@dataclass(slots=True)
class Race:
    """What came of it: the units of training that were spent when each mark was reached, and the best value seen."""

    reached: dict[float, float] = field(default_factory=dict)
    best: float = np.inf


class Track:
    """The workers and what they train. A value is seen when its cost has passed; going on with a paused trial costs."""

    def __init__(
        self,
        table: Table,
        player: Player,
        *,
        workers: int,
        budget: float,
        marks: Sequence[float],
        enough: float | None = None,
    ) -> None:
        self._table = table
        self._player = player
        self._workers = workers
        self._until = budget / workers
        self._enough = enough
        self._marks = {percent: table.mark(percent) for percent in marks}
        self._free = np.ones(len(table.places), dtype=bool)
        self._rows: dict[int, int] = {}
        self._epochs: dict[int, int] = {}
        self._events: list[tuple[float, int, int]] = []
        self._order = 0
        self._race = Race()

    def run(self) -> Race:
        """Race until the budget is spent, or the mark is reached that is enough."""
        idle = sum(not self._start(0.0) for _ in range(self._workers))
        while self._events:
            now, _, number = heapq.heappop(self._events)
            if now > self._until or self._enough in self._race.reached:
                break
            if self._goes_on(number, now):
                self._train(number, now, 0.0)
            else:
                idle += 1
            while idle and self._start(now):
                idle -= 1
        return self._race

    def _start(self, now: float) -> bool:
        if not self._free.any():
            return False
        start = self._player.next()
        if start is None:
            return False
        if start.place is not None:
            row = self._nearest(start.place)
            self._rows[start.number], self._epochs[start.number] = row, 0
            self._player.placed(start.number, self._table.places[row])
        self._train(start.number, now, RESUMING if start.place is None else 0.0)
        return True

    def _train(self, number: int, now: float, besides: float) -> None:
        self._order += 1
        heapq.heappush(self._events, (now + self._cost(number) + besides, self._order, number))

    def _goes_on(self, number: int, now: float) -> bool:
        self._epochs[number] += 1
        epoch = self._epochs[number]
        loss = float(self._table.losses[self._rows[number], epoch - 1])
        self._race.best = min(self._race.best, loss)
        for percent, mark in self._marks.items():
            if loss <= mark:
                self._race.reached.setdefault(percent, now * self._workers)
        goes_on = self._player.report(number, epoch, loss, epoch * self._cost(number))
        if epoch >= self._table.epochs:
            self._player.complete(number)
            return False
        return goes_on

    def _cost(self, number: int) -> float:
        return float(self._table.costs[self._rows[number]])

    def _nearest(self, place: np.ndarray) -> int:
        squares = ((self._table.places - place) ** 2).sum(axis=1)
        row = int(np.argmin(np.where(self._free, squares, np.inf)))
        self._free[row] = False
        return row
