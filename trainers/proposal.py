"""The space that a trainer proposes to a study: which of its dimensions are searched, and under what conditions."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from trainers.space import Dimension, Scalar


def arranged(
    dimensions: Iterable[Dimension], *, defaults: Mapping[str, Scalar], searched: Container[str]
) -> tuple[Dimension, ...]:
    """A trainer's own defaults, and which of the dimensions it proposes to search. Each dimension is there once."""
    known = {one.name: one for one in dimensions}
    if missing := set(defaults) - set(known):
        raise KeyError(f"defaults for what is no dimension: {', '.join(sorted(missing))}")
    return tuple(
        replace(one, default=defaults.get(one.name, one.default), searched=one.name in searched)
        for one in known.values()
    )
