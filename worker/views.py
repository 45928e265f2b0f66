"""What a worker says, as lines: for people who read a log, or as JSON for programs."""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TextIO

from worker.board import Board, Level, Shown


class Plain:
    """One line for each thing, with the time in front."""

    def __init__(self, now: Callable[[], datetime], out: TextIO = sys.stdout) -> None:
        self._now = now
        self._out = out

    def said(self, _event: str, text: str, level: Level, _fields: Mapping[str, object], /) -> None:
        """One line."""
        mark = "" if level == "info" else f"{level}: "
        self._out.write(f"{self._now():%Y-%m-%dT%H:%M:%SZ}  {mark}{clean(text)}\n")
        self._out.flush()

    def close(self) -> None:
        """Nothing more comes."""


class JsonLines:
    """One JSON object for each thing: `time`, `level`, `event`, `text`, and what belongs to the event."""

    def __init__(self, now: Callable[[], datetime], out: TextIO = sys.stdout) -> None:
        self._now = now
        self._out = out

    def said(self, event: str, text: str, level: Level, fields: Mapping[str, object], /) -> None:
        """One line."""
        body = {"time": self._now().isoformat(), "level": level, "event": event, "text": text, **fields}
        self._out.write(json.dumps(body, ensure_ascii=False, default=str) + "\n")
        self._out.flush()

    def close(self) -> None:
        """Nothing more comes."""


def progress(board: Board) -> tuple[str, dict[str, object]]:
    """How far everything is, as one line and as fields."""
    busy = [slot for slot in board.slots if slot.phase != "free"]
    parts = [f"{slot.study} trial {slot.trial} {_how_far(slot)}" for slot in busy]
    done = ", ".join(f"{count} {outcome}" for outcome, count in sorted(board.outcomes.items()))
    text = "; ".join(parts) or "no trial runs"
    fields: dict[str, object] = {
        "state": board.state,
        "outcomes": dict(board.outcomes),
        "slots": [
            {
                "slot": slot.slot,
                "study": slot.study,
                "trial": slot.trial,
                "attempt": slot.attempt,
                "phase": slot.phase,
                "step": slot.step,
                "horizon": slot.horizon,
                "metric": slot.metric,
                # As everywhere on the wire: JSON has no NaN.
                "last": _plain(slot.last),
                "best": _plain(slot.best),
            }
            for slot in busy
        ],
    }
    return (f"{text} (so far {done})" if done else text), fields


def clean(text: str) -> str:
    """Text without what would steer a terminal."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)


def _how_far(slot: Shown) -> str:
    if slot.step is None:
        return slot.phase
    of = f"/{slot.horizon}" if slot.horizon is not None else ""
    value = f", {slot.metric} {slot.last:.5g}" if slot.last is not None else ""
    best = f" (best {slot.best:.5g})" if slot.best is not None and slot.best != slot.last else ""
    return f"step {slot.step}{of}{value}{best}"


def _plain(value: float | None) -> float | str | None:
    return value if value is None or value - value == 0 else str(value)
