"""What every benchmark shares: its figures as a table, its bars, `--json FILE`, `--strict`."""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number: the median of its rounds."""

    name: str
    unit: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """What is quoted."""
        return statistics.median(self.rounds)


@dataclass(frozen=True, slots=True)
class Bar:
    """A bound that a number must keep."""

    name: str
    measured: float
    bound: float
    at_least: bool
    unit: str = ""

    @property
    def kept(self) -> bool:
        """Whether the number is within its bound."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


@dataclass(slots=True)
class Outcome:
    """What a benchmark found."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)

    def figure(self, name: str, unit: str, rounds: Sequence[float]) -> Figure:
        """Add a number by its rounds."""
        figure = Figure(name, unit, tuple(rounds))
        self.figures.append(figure)
        return figure

    def bar(
        self, name: str, measured: float, *, at_least: float | None = None, at_most: float | None = None, unit: str = ""
    ) -> None:
        """Add a bound."""
        bound = at_least if at_least is not None else at_most
        if bound is None:
            raise ValueError(f"{name}: a bar needs a bound")
        self.bars.append(Bar(name, measured, bound, at_least is not None, unit))


def percentile(sample: Sequence[float], percent: float) -> float:
    """The value below which that share of the sample lies."""
    ordered = sorted(sample)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def main(
    run: Callable[[argparse.Namespace], Outcome], *, options: Callable[[argparse.ArgumentParser], None] | None = None
) -> None:
    """Run a benchmark as a program: print the table and the bars, exit 1 with --strict when one is missed."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a bar is missed")
    parser.add_argument("--quick", action="store_true", help="shorter rounds: to see that it runs, not to quote")
    if options is not None:
        options(parser)
    arguments = parser.parse_args()
    outcome = run(arguments)
    show(outcome)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record(outcome), indent=2) + "\n")
    if arguments.strict and not all(bar.kept for bar in outcome.bars):
        raise SystemExit(1)


def show(outcome: Outcome) -> None:
    """Print the figures and the bars."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    table = Table(title=outcome.title, title_justify="left")
    for heading in ("figure", "median", "least", "most", "unit"):
        table.add_column(heading, justify="left" if heading in {"figure", "unit"} else "right")
    for figure in outcome.figures:
        table.add_row(
            figure.name, _short(figure.median), _short(min(figure.rounds)), _short(max(figure.rounds)), figure.unit
        )
    console.print(table)
    for bar in outcome.bars:
        sign = "at least" if bar.at_least else "at most"
        verdict = "kept  " if bar.kept else "MISSED"
        console.print(
            f"{verdict}  {bar.name}: {_short(bar.measured)} {bar.unit} ({sign} {_short(bar.bound)})", highlight=False
        )


def record(outcome: Outcome) -> dict[str, object]:
    """The figures as plain data, with the machine they were measured on."""
    machine = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "system": platform.platform(),
    }
    return {
        "title": outcome.title,
        "machine": machine,
        "figures": [{**asdict(figure), "median": figure.median} for figure in outcome.figures],
        "bars": [{**asdict(bar), "kept": bar.kept} for bar in outcome.bars],
    }


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
