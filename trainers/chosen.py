"""What was chosen for one training: a value for each dimension, read once, and refused by name if it cannot be."""

import difflib
from collections.abc import Iterable, Mapping

from trainers.space import BadParameter, Dimension, Scalar


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
