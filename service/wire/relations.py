"""What must hold between the parameters of one space: conditions and expressions name others, and never in a circle."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from service.wire.expression import read
from service.wire.message import Scalar, listed, refuse, shown
from service.wire.space import (
    SEARCHED,
    AnyParameter,
    CategoricalParameter,
    ConstantParameter,
    DerivedParameter,
    OrdinalParameter,
    Range,
    Test,
    identity,
)

Found = tuple[tuple[str, ...], str, str]
"""Where, under which code, and what is wrong."""


def check(space: Mapping[str, AnyParameter]) -> Mapping[str, AnyParameter]:
    """Refuse a space whose parameters do not fit together, naming every field at fault."""
    found = [*_unsearched(space), *_conditions(space), *_expressions(space)] or [*_circle(space)]
    if found:
        errors = [
            InitErrorDetails(type=refuse(code, "{why}", why=text), loc=place, input=None) for place, code, text in found
        ]
        raise ValidationError.from_exception_data("Space", errors)
    return space


def order(space: Mapping[str, AnyParameter]) -> tuple[str, ...]:
    """The names so that each stands behind those it depends on."""
    return _sorted(tuple((name, tuple(sorted(_needs(parameter)))) for name, parameter in space.items()))


@lru_cache(maxsize=512)
def _sorted(needs: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[str, ...]:
    # Each lease that is granted asks for it, and spaces are few.
    return tuple(TopologicalSorter(dict(needs)).static_order())


def _unsearched(space: Mapping[str, AnyParameter]) -> Iterator[Found]:
    if not any(isinstance(parameter, SEARCHED) for parameter in space.values()):
        yield (), "nothing_searched", "must have at least one parameter that is searched"


def _needs(parameter: AnyParameter) -> set[str]:
    needs = set(parameter.when or ())
    return needs | read(parameter.expression).names if isinstance(parameter, DerivedParameter) else needs


def _conditions(space: Mapping[str, AnyParameter]) -> Iterator[Found]:
    for name, parameter in space.items():
        for other, test in (parameter.when or {}).items():
            if other not in space:
                yield (
                    (name, "when", other),
                    "unknown_parameter",
                    f"is not a parameter of this space{_near(other, space)}",
                )
            else:
                yield from (((name, "when", other), "when", why) for why in _impossible(space[other], test))


def _impossible(parameter: AnyParameter, test: Test) -> Iterator[str]:
    if isinstance(parameter, CategoricalParameter | OrdinalParameter | ConstantParameter):
        values = _values(parameter)
        if isinstance(test, Range):
            if not any(_numeric(value) for value in values):
                yield "a range needs a parameter that holds numbers"
        else:
            known = {identity(value) for value in values}
            for wanted in test if isinstance(test, list) else [test]:
                if identity(wanted) not in known:
                    yield f"{shown(wanted)} is not one of its values ({listed(values)})"
    elif not isinstance(test, Range):
        for wanted in test if isinstance(test, list) else [test]:
            if not _numeric(wanted):
                yield f"{shown(wanted)} can never be the value of a number"


def _values(parameter: CategoricalParameter | OrdinalParameter | ConstantParameter) -> tuple[Scalar, ...]:
    if isinstance(parameter, CategoricalParameter):
        return parameter.choices
    return parameter.values if isinstance(parameter, OrdinalParameter) else (parameter.value,)


def _never_a_number(parameter: AnyParameter) -> bool:
    if isinstance(parameter, CategoricalParameter | OrdinalParameter | ConstantParameter):
        return not any(map(_numeric, _values(parameter)))
    return False


def _numeric(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _expressions(space: Mapping[str, AnyParameter]) -> Iterator[Found]:
    for name, parameter in space.items():
        if isinstance(parameter, DerivedParameter):
            for other in sorted(read(parameter.expression).names):
                if other not in space:
                    text = f"'{other}' is not a parameter of this space{_near(other, space)}"
                    yield (name, "expression"), "unknown_parameter", text
                elif _never_a_number(space[other]):
                    yield (name, "expression"), "no_number", f"'{other}' has no value that is a number"


def _circle(space: Mapping[str, AnyParameter]) -> Iterator[Found]:
    try:
        order(space)
    except CycleError as error:
        around = list(reversed(error.args[1]))[:-1]
        # Told from the parameter that stands first in the space.
        first = around.index(min(around, key=list(space).index))
        names = [*around[first:], *around[: first + 1]]
        field = "when" if space[names[0]].when and names[1] in (space[names[0]].when or {}) else "expression"
        yield (names[0], field), "circle", f"goes in a circle: {' needs '.join(names)}"


def _near(name: str, space: Mapping[str, AnyParameter]) -> str:
    near = [
        other for other in space if other.lower() == name.lower() or other.startswith(name) or name.startswith(other)
    ]
    return f" (did you mean '{near[0]}'?)" if near else ""
