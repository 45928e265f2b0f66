"""What people and programs see of a worker."""

import io
import json
import math
from datetime import UTC, datetime

from rich.console import Console

from worker.board import Board, Shown
from worker.screen import Screen
from worker.views import JsonLines, Plain, progress

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def board() -> Board:
    running = Shown(
        slot=0, device="0 H100", study="digits", trial=7, attempt=1, phase="training", horizon=20, metric="val_loss"
    )
    for step, value in ((1, 0.9), (2, 0.3), (3, math.nan), (4, 0.5)):
        running.point(step, value)
    return Board(
        name="node-1",
        server="http://basin",
        slots=[running, Shown(slot=1, device="1 H100")],
        state="online",
        outcomes={"completed": 2},
    )


def test_the_best_by_its_direction_and_nan_is_none() -> None:
    shown = board().slots[0]
    assert (shown.step, shown.last, shown.best) == (4, 0.5, 0.3)
    highest = Shown(slot=0, device="cpu", direction="maximize")
    for value in (0.1, 0.8, 0.5):
        highest.point(1, value)
    assert highest.best == 0.8


def test_plain_lines_cannot_steer_a_terminal() -> None:
    out = io.StringIO()
    plain = Plain(lambda: NOW, out)
    plain.said("note", "a\x1b[2Jb\nc", "warning", {})
    assert out.getvalue() == "2026-01-02T03:04:05Z  warning: a\\x1b[2Jb\\x0ac\n"


def test_lines_of_json() -> None:
    out = io.StringIO()
    said = board()
    said.views = [JsonLines(lambda: NOW, out)]
    said.say("begins", event="begin", trial=7)
    text, fields = progress(said)
    said.say(text, "info", "progress", **fields)
    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first["event"], first["trial"], first["time"]) == ("begin", 7, "2026-01-02T03:04:05+00:00")
    assert second["slots"][0]["best"] == 0.3
    assert second["text"] == "digits trial 7 step 4/20, val_loss 0.5 (best 0.3) (so far 2 completed)"


def test_not_a_number_is_json_all_the_same() -> None:
    said = board()
    said.slots[0].point(5, math.nan)
    _, fields = progress(said)
    assert "NaN" not in json.dumps(fields).replace('"nan"', "")


def test_the_live_view_shows_slots_trials_and_the_server() -> None:
    said = board()
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=False)
    screen = Screen(said, lambda: NOW, console, monotonic=lambda: 61.0)
    console.print(screen.draw())
    text = out.getvalue()
    for part in ("node-1 at http://basin", "online", "2 completed", "digits val_loss", "4/20", "0.5", "0.3", "free"):
        assert part in text
    said.away = lambda: 83.2
    console.print(screen.draw())
    assert "away for 83 s" in out.getvalue()
