"""Dimensions of a search space: plain data, written as a study writes them, and what each of them accepts. No torch."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Scalar = bool | int | float | str | None
When = Mapping[str, Any]
"""Under which values of other dimensions one takes part, as a study writes it: `{"optimizer": "sgd"}`."""


class BadParameter(ValueError):
    """A parameter that cannot be used as it is. The message names it and says what it should be."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} {problem}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Dimension:
    """One parameter of training: its default, what a study searches, and what is accepted at all."""

    name: str
    entry: Mapping[str, Any]
    """As it stands in a study's `space`."""
    default: Scalar
    summary: str
    least: float | None = None
    most: float | None = None
    """The bounds of what is accepted: wider than what is searched, which is what is known to be worth it."""
    above: bool = False
    """Whether `least` itself is refused."""
    searched: bool = field(default=True)
    """Whether the space that is proposed holds it."""

    def read(self, value: Scalar) -> Scalar:
        """The value as this dimension takes it; BadParameter says what is wrong with it."""
        kind = self.entry["type"]
        if kind == "text":
            return self._text(value)
        if kind in {"categorical", "ordinal"} and not self._is_open():
            return self._one_of(value)
        if kind == "categorical":
            return value
        return self._number(value, whole=kind == "int" or isinstance(self.default, int))

    def _is_open(self) -> bool:
        return self.entry["type"] == "ordinal" and (self.least is not None or self.most is not None)

    def _one_of(self, value: Scalar) -> Scalar:
        choices = [*self.entry.get("choices", ()), *self.entry.get("values", ())]
        if self.default not in choices:
            choices.append(self.default)
        # True is not 1, though Python says so.
        if any(one == value and isinstance(one, bool) == isinstance(value, bool) for one in choices):
            return value
        near = difflib.get_close_matches(str(value), [str(one) for one in choices], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadParameter(self.name, f"must be one of {', '.join(map(str, choices))}, not {value!r}{hint}")

    def _text(self, value: Scalar) -> str:
        if not isinstance(value, str):
            raise BadParameter(self.name, f"must be a text, not {value!r}")
        return value

    def _number(self, value: Scalar, *, whole: bool) -> float | int:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise BadParameter(self.name, f"must be a {'whole ' if whole else ''}number, not {value!r}")
        if whole and value != int(value):
            raise BadParameter(self.name, f"must be a whole number, not {value!r}")
        low = self.least is not None and (value <= self.least if self.above else value < self.least)
        if low or (self.most is not None and value > self.most):
            raise BadParameter(self.name, f"must be {self._bounds()}, not {value!r}")
        return int(value) if whole else float(value)

    def _bounds(self) -> str:
        at_least = None if self.least is None else f"{'greater than' if self.above else 'at least'} {self.least:g}"
        at_most = None if self.most is None else f"at most {self.most:g}"
        return " and ".join(one for one in (at_least, at_most) if one)


def real(
    name: str,
    low: float,
    high: float,
    *,
    default: float,
    summary: str,
    log: bool = False,
    least: float | None = 0.0,
    most: float | None = None,
    above: bool = False,
    when: When | None = None,
    searched: bool = True,
) -> Dimension:
    """A real number."""
    entry = {"type": "float", "low": low, "high": high, **({"log": True} if log else {}), **_when(when)}
    return Dimension(name, entry, float(default), summary, least, most, above, searched)


def whole(
    name: str,
    low: int,
    high: int,
    *,
    default: int,
    summary: str,
    log: bool = False,
    least: int | None = 1,
    most: int | None = None,
    when: When | None = None,
    searched: bool = True,
) -> Dimension:
    """A whole number."""
    entry = {"type": "int", "low": low, "high": high, **({"log": True} if log else {}), **_when(when)}
    return Dimension(name, entry, int(default), summary, least, most, False, searched)


def steps(
    name: str,
    *values: int,
    default: int,
    summary: str,
    least: int | None = 1,
    when: When | None = None,
    searched: bool = True,
) -> Dimension:
    """A whole number that is searched at a few values, in their order, such as batch sizes."""
    entry = {"type": "ordinal", "values": list(values), **_when(when)}
    return Dimension(name, entry, int(default), summary, least, None, False, searched)


def choice(
    name: str, *choices: Scalar, default: Scalar, summary: str, when: When | None = None, searched: bool = True
) -> Dimension:
    """One of a few values without order."""
    entry = {"type": "categorical", "choices": list(choices), **_when(when)}
    return Dimension(name, entry, default, summary, searched=searched)


def text(name: str, *, default: str = "", summary: str) -> Dimension:
    """A text such as a path: a study fixes it among its trainer's settings, and never searches it."""
    return Dimension(name, {"type": "text"}, default, summary, searched=False)


def _when(when: When | None) -> dict[str, Any]:
    return {} if when is None else {"when": dict(when)}
