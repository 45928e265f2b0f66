"""Points of a discrete space: how many there are, which have been tried, and which are left."""

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from itertools import islice

from service.domain.space import takes_part
from service.search.distributions import Dimension, Layout
from service.wire.message import Scalar

MOST_COUNTED = 1_000_000
MOST_BRANCHES = 10_000

Place = tuple[Hashable, ...]


class Tried:
    """Which points of a discrete space have been suggested, and to which trials."""

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}
        self._times: Counter[Place] = Counter()

    def put(self, number: int, here: Place | None) -> None:
        """A trial is at this point now, or at none."""
        left = self._places.pop(number, None)
        if left is not None:
            self._times[left] -= 1
            if not self._times[left]:
                del self._times[left]
        if here is not None:
            self._places[number] = here
            self._times[here] += 1

    def besides(self, number: int) -> frozenset[Place]:
        """The points that have been suggested to other trials than this one."""
        own = self._places.get(number)
        return frozenset(self._times) - ({own} if own is not None and self._times[own] == 1 else set())


def place(layout: Layout, params: Mapping[str, Scalar]) -> Place | None:
    """What two sets of parameters have in common that are the same point; None if they are no point of this space."""
    try:
        return tuple(
            (name, dimension.place(params[name])) for name, dimension in layout.dimensions.items() if name in params
        )
    except (KeyError, TypeError, ValueError):
        return None


def discrete(layout: Layout) -> bool:
    """Whether every parameter has values that can be counted."""
    return all(dimension.count() is not None for dimension in layout.dimensions.values())


def size(layout: Layout) -> int | None:
    """How many points the space has; None if it is continuous or they are too many to be counted."""
    if not discrete(layout):
        return None
    if not layout.conditional:
        total = math.prod(_count(dimension) for dimension in layout.dimensions.values())
    else:
        branches = list(islice(_branches(layout), MOST_BRANCHES + 1))
        if len(branches) > MOST_BRANCHES:
            return None
        total = sum(branches)
    return total if total <= MOST_COUNTED else None


def points(layout: Layout) -> Iterator[dict[str, Scalar]]:
    """All points of a discrete space, one after the other."""
    for known in _assignments(layout, tuple(layout.dimensions.values())):
        yield {name: known[name] for name in layout.space if name in known and name in layout.dimensions}


def _branches(layout: Layout) -> Iterator[int]:
    """How many points there are for each choice of the parameters on which conditions hang."""
    deciding = tuple(dimension for name, dimension in layout.dimensions.items() if name in layout.deciding)
    free = [dimension for name, dimension in layout.dimensions.items() if name not in layout.deciding]
    for known in _assignments(layout, deciding):
        everything = layout.all_known(known)
        yield math.prod(_count(one) for one in free if takes_part(one.parameter, everything))


def _assignments(layout: Layout, dimensions: tuple[Dimension, ...]) -> Iterator[dict[str, Scalar]]:
    known: list[dict[str, Scalar]] = [{}]
    if not dimensions:
        yield from known
        return
    *before, last = dimensions
    for earlier in _assignments(layout, tuple(before)):
        if not takes_part(last.parameter, layout.all_known(earlier)):
            yield earlier
            continue
        for value in last.candidates():
            yield {**earlier, last.name: last.outward(value)}


def _count(dimension: Dimension) -> int:
    return dimension.count() or 0
