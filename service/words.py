"""How values are written for people: numbers, times, sizes, curves, and text that comes from elsewhere."""

import math
import unicodedata
from collections.abc import Sequence
from datetime import datetime

_BARS = "▁▂▃▄▅▆▇█"
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_TEXT_NUMBERS = {"NaN", "Infinity", "-Infinity"}
# They turn the direction of the text around them, so that what is shown is not what is there.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(text: str, *, lines: bool = False) -> str:
    """Text without what would steer the terminal; line breaks stay where `lines` allows them."""
    kept = "\n\t" if lines else ""
    return "".join(sign if sign in kept or not _steers(sign) else _escaped(sign) for sign in text)


def _steers(sign: str) -> bool:
    return unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} or sign in _BIDI


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode()


def number(value: float | str | None, digits: int = 5) -> str:
    """A number as short as it goes: `0.00012346`, `1.5e-7`, `128`; the server's "NaN" is one too."""
    if value is None:
        return ""
    if isinstance(value, str):
        return {"Infinity": "inf", "-Infinity": "-inf"}.get(value, value) if value in _TEXT_NUMBERS else clean(value)
    if isinstance(value, bool | int) or not math.isfinite(value):
        return str(value)
    if value and not 1e-4 <= abs(value) < 1e6:
        first, _, power = f"{value:.{digits - 1}e}".partition("e")
        return f"{first.rstrip('0').rstrip('.')}e{int(power)}"
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def scalar(value: object, digits: int = 5) -> str:
    """One value of a parameter."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number(value, digits)
    return clean(str(value))


def real(value: object) -> float | None:
    """A number of an answer as a float, also where it travels as text; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def duration(seconds: float) -> str:
    """A length of time by its two largest units: `1h 5m`, `2d 3h`, `1.5s`."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f}s".replace(".0s", "s")
    rest = round(seconds)
    parts = []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def moment(text: str | None) -> datetime | None:
    """A time of an answer."""
    return datetime.fromisoformat(text) if text else None


def ago(then: datetime | None, now: datetime) -> str:
    """How long ago something was: `just now`, `3 min ago`, `2 days ago`; a date once it is months."""
    if then is None:
        return ""
    seconds = (now - then).total_seconds()
    if seconds < 10:
        return "just now"
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    if seconds < 3_600:
        return f"{seconds // 60:.0f} min ago"
    if seconds < 86_400:
        return f"{seconds // 3_600:.0f} h ago"
    days = int(seconds // 86_400)
    return f"{days} day{'s' if days > 1 else ''} ago" if days < 60 else then.date().isoformat()


def size(count: int) -> str:
    """A number of bytes: `512 B`, `12.3 MB`."""
    if count < 1_000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1_000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1_000:.1f} TB"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: `1 trial`, `2 trials`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """A curve in one line of block characters; a point that is not a number is an `x`."""
    if not values:
        return ""
    shown = [values[round(place * (len(values) - 1) / max(width - 1, 1))] for place in range(min(width, len(values)))]
    if len(values) <= width:
        shown = list(values)
    finite = [value for value in shown if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    return "".join(_bar(value, low, high) for value in shown)


def _bar(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return "x"
    # Halved before the subtraction, so that the range of two very large numbers is a number still.
    span = high / 2 - low / 2
    share = (value / 2 - low / 2) / span if span else 0.0
    return _BARS[min(int(share * len(_BARS)), len(_BARS) - 1)]
