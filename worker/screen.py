"""The live view of a worker in a terminal: its slots with their trials below, what it says above."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from worker.board import Board, Level, Shown
from worker.views import clean

_STYLES: Mapping[Level, str] = {"info": "", "warning": "yellow", "error": "bold red"}
_MOST = 32


class Screen:
    """Drawn anew a few times each second from the board."""

    def __init__(
        self,
        board: Board,
        now: Callable[[], datetime],
        console: Console | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = board
        self._now = now
        self._monotonic = monotonic
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console,
            get_renderable=self.draw,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def open(self) -> None:
        """Begin to draw."""
        self._live.start()

    def close(self) -> None:
        """Leave the last picture standing."""
        self._live.stop()

    def said(self, _event: str, text: str, level: Level, _fields: Mapping[str, object], /) -> None:
        """One line above the slots."""
        self._console.print(Text(f"{self._now().astimezone():%H:%M:%S}  {clean(text)}", style=_STYLES[level]))

    def draw(self) -> Group:
        """The picture of this moment."""
        return Group(self._head(), self._slots())

    def _head(self) -> Text:
        board = self._board
        away = board.away()
        text = Text()
        text.append(board.name, "bold")
        text.append(f" at {board.server}  ")
        if away is None:
            text.append(board.state, "green" if board.state == "online" else "yellow")
        else:
            text.append(f"away for {away:.0f} s", "red")
        for outcome, count in sorted(board.outcomes.items()):
            text.append(f"  {count} {outcome}")
        return text

    def _slots(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for title in ("SLOT", "STUDY", "TRIAL", "STEP", "", "LAST", "BEST", "TIME"):
            numbers = title in {"TRIAL", "STEP", "LAST", "BEST", "TIME"}
            table.add_column(title, justify="right" if numbers else "left", no_wrap=True)
        for slot in self._board.slots[:_MOST]:
            table.add_row(*self._row(slot))
        if (more := len(self._board.slots) - _MOST) > 0:
            table.add_row("", f"and {more} more slots")
        return table

    def _row(self, slot: Shown) -> tuple[str | Text | ProgressBar, ...]:
        if slot.phase == "free":
            return (clean(slot.device), Text("free", style="bright_black"))
        of = f"/{slot.horizon}" if slot.horizon is not None else ""
        step = slot.phase if slot.step is None else f"{slot.step}{of}"
        known = slot.horizon is not None and slot.step is not None
        bar: str | Text | ProgressBar = ""
        if slot.phase not in {"starting", "training"}:
            bar = Text(slot.phase, style="yellow")
        elif known:
            bar = ProgressBar(total=slot.horizon, completed=slot.step or 0, width=20)
        name = clean(slot.study)
        return (
            clean(slot.device),
            f"{name} {clean(slot.metric)}",
            f"{slot.trial}",
            step,
            bar,
            "" if slot.last is None else f"{slot.last:.5g}",
            "" if slot.best is None else f"{slot.best:.5g}",
            f"{self._monotonic() - slot.began:.0f} s",
        )
