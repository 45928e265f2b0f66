"""What was chosen for one training: a value for each dimension, read once, and refused by name if it cannot be."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from trainers.space import BadParameter, Dimension, Scalar

_SHORT: Mapping[str, str] = {"lr": "learning_rate", "wd": "weight_decay", "bs": "batch_size", "epoch": "epochs"}
"""What many call a parameter that has a longer name here."""


class Chosen:
    """The values of a training's dimensions: those that were given, and the defaults of the others."""

    def __init__(self, dimensions: Iterable[Dimension], given: Mapping[str, Scalar]) -> None:
        self.dimensions = {one.name: one for one in dimensions}
        for name in given:
            if name not in self.dimensions:
                near = difflib.get_close_matches(name, self.dimensions, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(self.dimensions))}"
                raise BadParameter(name, f"is no parameter of this trainer; {hint}")
        self.given = frozenset(given)
        self.values: dict[str, Scalar] = {
            name: one.read(given[name]) if name in given else one.default for name, one in self.dimensions.items()
        }

    def real(self, name: str) -> float:
        """A number."""
        value = self._of(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadParameter(name, f"must be a number, not {value!r}")
        return float(value)

    def whole(self, name: str) -> int:
        """A whole number."""
        return int(self.real(name))

    def text(self, name: str) -> str:
        """A name, such as that of an optimizer."""
        value = self._of(name)
        if not isinstance(value, str):
            raise BadParameter(name, f"must be a text, not {value!r}")
        return value

    def flag(self, name: str) -> bool:
        """Yes or no."""
        value = self._of(name)
        if not isinstance(value, bool):
            raise BadParameter(name, f"must be true or false, not {value!r}")
        return value

    def _of(self, name: str) -> Scalar:
        if name not in self.values:
            raise KeyError(f"{name} is no dimension of this training")
        return self.values[name]


def read(
    dimensions: Iterable[Dimension],
    *,
    params: Mapping[str, Scalar],
    settings: Mapping[str, Any],
    log: Callable[[str], object],
) -> Chosen:
    """What a trial was given, parameters before settings. What is of no use here is told in its log.

    A study may search what only its derived parameters use. But a name nearly like one that was not given is a slip.
    """
    known = {one.name: one for one in dimensions}
    given = {**settings, **params}
    unknown = sorted(set(given) - set(known))
    for name in unknown:
        near = [_SHORT[name]] if name in _SHORT else difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if near and near[0] in known and near[0] not in given:
            raise BadParameter(name, f"is no parameter of this trainer; did you mean {near[0]!r}?")
    if unknown:
        log(f"this trainer has no use for: {', '.join(unknown)}")
    return Chosen(known.values(), {name: value for name, value in given.items() if name in known})
