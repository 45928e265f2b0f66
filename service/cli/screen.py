"""Where commands write: results to standard output, everything else to standard error.

To a terminal tables are coloured and fit its width; elsewhere they are plain, and nothing is cut off.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TextIO

from service.words import clean

if TYPE_CHECKING:  # rich is loaded by the first table
    from rich.console import Console
    from rich.text import Text

Output = Literal["table", "json", "yaml"]
_UNBOUNDED = 10_000
# Colour comes on top of the word, never in its place.
_STATES: Mapping[str, str] = {
    "confirming": "cyan",
    "refitting": "cyan",
    "finished": "green",
    "active": "green",
    "running": "green",
    "queued": "cyan",
    "paused": "yellow",
    "stopping": "yellow",
    "stopped": "bright_black",
    "completed": "blue",
    "pruned": "magenta",
    "failed": "red",
    "infeasible": "red",
    "lost": "red",
    "cancelled": "bright_black",
    "online": "green",
    "draining": "yellow",
    "offline": "bright_black",
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
}


@dataclass(frozen=True)
class Cell:
    """A text with a style of its own."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table: numbers stand to the right; `wraps` is for long text."""

    title: str
    right: bool = False
    wraps: bool = False


def state(word: str) -> Cell:
    """A state in its colour."""
    return Cell(word, _STATES.get(word, ""))


class Screen:
    """Standard output and standard error of one command."""

    def __init__(self, output: Output = "table", *, color: bool = True, quiet: bool = False) -> None:
        self.output = output
        self.color = color
        self.quiet = quiet

    @property
    def terminal(self) -> bool:
        """Whether results are read by a person."""
        return sys.stdout.isatty()

    @property
    def width(self) -> int:
        """How many columns a table may take."""
        return self._console.width

    @cached_property
    def _console(self) -> "Console":
        return self._make(sys.stdout)

    def _make(self, file: TextIO) -> "Console":
        from rich.console import Console

        tty = file.isatty()
        return Console(
            file=file,
            force_terminal=tty,
            no_color=not self.color or None,
            color_system="auto" if tty and self.color else None,
            highlight=False,
            markup=False,
            emoji=False,
            width=None if tty else _UNBOUNDED,
        )

    def data(self, value: Any) -> bool:
        """Write a value in full as JSON or YAML where that was asked for; False where a table was."""
        if self.output == "json":
            self.raw(json.dumps(value, indent=2, ensure_ascii=False))
        elif self.output == "yaml":
            from service.documents import dump

            self.raw(dump(value).rstrip("\n"))
        return self.output != "table"

    def raw(self, text: str) -> None:
        """Write a text as it is."""
        sys.stdout.write(f"{text}\n")

    def line(self, *parts: str | Cell) -> None:
        """Write one line of a result."""
        text = self._joined(parts)
        self._console.print(text, soft_wrap=True)

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]], *, header: bool = True) -> None:
        """Write a table."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=header)
        for column in columns:
            table.add_column(
                column.title,
                justify="right" if column.right else "left",
                no_wrap=not column.wraps,
                overflow="fold" if column.wraps else "ellipsis",
            )
        for row in rows:
            table.add_row(*(self._joined([cell], lines=True) for cell in row))
        with self._console.capture() as captured:
            self._console.print(table)
        for line in captured.get().splitlines():
            sys.stdout.write(line.rstrip() + "\n")

    def note(self, text: str) -> None:
        """Say something beside the result; silent with --quiet."""
        if not self.quiet:
            self._say(text)

    def warn(self, text: str) -> None:
        """Say something that must not be missed."""
        self._say(f"warning: {text}")

    def progress(self, text: str) -> None:
        """Say how far something is, over what was said before; only to a terminal."""
        if not self.quiet and sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def error(self, lines: Iterable[str], hint: str | None = None) -> None:
        """Say what went wrong, and what to do."""
        self.progress("")
        for line in lines:
            self._say("error: " + clean(line, lines=True).replace("\n", "\n       "))
        if hint:
            self._say("hint: " + clean(hint, lines=True).replace("\n", "\n      "))

    def _say(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    @staticmethod
    def _joined(parts: Sequence[str | Cell], *, lines: bool = False) -> "Text":
        from rich.text import Text

        text = Text()
        for part in parts:
            cell = part if isinstance(part, Cell) else Cell(part)
            text.append(clean(cell.text, lines=lines), cell.style)
        return text
