"""What the worker is doing at this moment, for whoever shows it, and what it has to say."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Level = Literal["info", "warning", "error"]
State = Literal["connecting", "online", "draining", "leaving"]


@dataclass(slots=True, kw_only=True)
class Shown:
    """One slot and the attempt on it."""

    slot: int
    device: str
    study: str = ""
    trial: int = 0
    attempt: int = 0
    phase: str = "free"
    horizon: int | None = None
    metric: str = ""
    direction: Literal["minimize", "maximize"] = "minimize"
    step: int | None = None
    last: float | None = None
    best: float | None = None
    began: float = 0.0

    def point(self, step: int, value: float | None) -> None:
        """A point of the objective's curve."""
        self.step = step
        if value is None:
            return
        self.last = value
        better = self.best is None or (value < self.best if self.direction == "minimize" else value > self.best)
        if better and not math.isnan(value):
            self.best = value


class View(Protocol):
    """Where people, or programs, see what a worker does."""

    def said(self, event: str, text: str, level: Level, fields: Mapping[str, object], /) -> None:
        """One line."""

    def close(self) -> None:
        """Nothing more comes."""


@dataclass(slots=True, kw_only=True)
class Board:
    """The state of a worker."""

    name: str
    server: str
    slots: list[Shown]
    away: Callable[[], float | None] = lambda: None
    state: State = "connecting"
    outcomes: dict[str, int] = field(default_factory=dict)
    views: list[View] = field(default_factory=list)

    def say(self, text: str, level: Level = "info", event: str = "note", **fields: object) -> None:
        """One line for people and programs."""
        for view in self.views:
            view.said(event, text, level, fields)

    def warn(self, text: str) -> None:
        """One line that must not be missed."""
        self.say(text, "warning", "warning")

    def ended(self, outcome: str) -> None:
        """Count an attempt that has ended."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
