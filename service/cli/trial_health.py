"""A trial's health as `basin trial show` has it: the figures that its trainer reported, and what they are signs of."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from service.cli.screen import Column, Screen
from service.domain.health import FLAG, PREFIX
from service.words import number, real, sparkline

_LEFT_OUT = ("guess", "violation")
"""What does not change, and what is for samplers alone."""


def show(screen: Screen, points: Sequence[Mapping[str, Any]]) -> None:
    """Show it, if there is any."""
    live = [point for point in points if not point.get("superseded")]
    rows = list(_figures(live))
    if not rows:
        return
    screen.line()
    screen.table([Column("HEALTH"), Column("CURVE"), Column("FIRST", right=True), Column("LAST", right=True)], rows)
    signs = list(_signs(live))
    if signs:
        screen.line()
        screen.table([Column("SIGN OF"), Column("STEPS", wraps=True)], signs)


def _figures(points: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    names = dict.fromkeys(name for point in points for name in point["metrics"] if name.startswith(PREFIX))
    for name in names:
        shown = name.removeprefix(PREFIX)
        if name.startswith(FLAG) or shown in _LEFT_OUT:
            continue
        told = [point["metrics"][name] for point in points if name in point["metrics"]]
        values = [value for one in told if (value := real(one)) is not None]
        if values:
            yield shown, sparkline(values), number(values[0], 3), number(values[-1], 3)


def _is_up(flag: str, point: Mapping[str, Any]) -> bool:
    return flag in point["metrics"]


def _signs(points: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each flag with the steps at which it was up, those in a row together."""
    flags = sorted({name for point in points for name in point["metrics"] if name.startswith(FLAG)})
    for flag in flags:
        spans = []
        for up, run in groupby(points, partial(_is_up, flag)):
            steps = [point["step"] for point in run]
            if up:
                spans.append(number(steps[0]) if len(steps) == 1 else f"{number(steps[0])} to {number(steps[-1])}")
        yield flag.removeprefix(FLAG).replace("_", " "), ", ".join(spans)
