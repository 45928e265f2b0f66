"""How values are written on pages: numbers, times, names in addresses, small drawings of curves."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from pydantic_core import to_json

from service import documents, words

_DIGITS = 4


def study_page(name: str, *parts: object) -> str:
    """The address of a study's page, or of one beneath it."""
    return "/".join(["/studies", quote(name, safe=""), *map(str, parts)])


def trial_page(name: str, number: int) -> str:
    """The address of a trial's page."""
    return study_page(name, "trials", number)


def number(value: float | str | None) -> str:
    """A measured number by four digits."""
    if value is None:
        return "—"
    if isinstance(value, float) and math.isnan(value):
        return "NaN"  # as it is written everywhere else
    return words.number(value, _DIGITS)


def scalar(value: object) -> str:
    """A parameter's value."""
    return words.scalar(value, _DIGITS)


def count(value: int) -> str:
    """A count, in groups of three digits."""
    return f"{value:,}".replace(",", "\u202f")


def duration(seconds: float | None) -> str:
    """A length of time."""
    return "—" if seconds is None else words.duration(seconds)


def ago(then: datetime, now: datetime) -> str:
    """How long ago something was."""
    return words.ago(then, now)


def moment(then: datetime | None) -> Markup:
    """A time: UTC without scripts, the reader's own zone with them."""
    if then is None:
        return Markup("—")
    return Markup('<time datetime="{}">{}</time>').format(then.isoformat(), f"{then:%Y-%m-%d %H:%M:%S} UTC")


def spark(values: Sequence[float], width: int = 90, height: int = 22) -> Markup:
    """A curve as a small drawing; where a value is not finite the line is broken."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return Markup("")
    low, high = min(finite), max(finite)
    # Halved before the subtraction, so that the range of two very large numbers is a number still.
    span = high / 2 - low / 2
    steps = max(len(values) - 1, 1)
    path, pen = [], "M"
    for place, value in enumerate(values):
        if not math.isfinite(value):
            pen = "M"
            continue
        share = (value / 2 - low / 2) / span if span else 0.5
        path.append(f"{pen}{place / steps * (width - 2) + 1:.1f} {(1 - share) * (height - 4) + 2:.1f}")
        pen = "L"
    if len(path) == 1:
        path.append("h0.1")
    return Markup(
        '<svg class="spark" width="{0}" height="{1}" viewBox="0 0 {0} {1}" aria-hidden="true"><path d="{2}"/></svg>'
    ).format(width, height, "".join(path))


def span(seconds: float | None) -> str:
    """A length of time as it is typed in, exactly: `2h30m`."""
    if seconds is None:
        return ""
    if seconds != int(seconds):
        return f"{seconds}s"
    parts, rest = [], int(seconds)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def wire(value: object) -> str:
    """A value as it travels to the API."""
    return to_json(value, inf_nan_mode="strings").decode()


FILTERS: Mapping[str, Callable[..., Any]] = {
    "number": number,
    "scalar": scalar,
    "count": count,
    "duration": duration,
    "moment": moment,
    "spark": spark,
    "size": words.size,
    "span": span,
    "wire": wire,
    "yaml": documents.dump,
    "segment": lambda name: quote(name, safe=""),
}
