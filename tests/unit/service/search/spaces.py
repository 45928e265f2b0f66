"""Random search spaces, with every kind of parameter and conditions on some of them."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from service.wire.space import AnyParameter
from service.wire.study import StudyDefinition

_SCALARS = st.one_of(
    st.booleans(),
    st.none(),
    st.integers(-5, 5),
    st.floats(-5, 5).filter(lambda value: value != int(value)),
    st.sampled_from(["sgd", "adam", "Ω", ""]),
)


def _distinct(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=2, max_size=5, unique_by=lambda value: (isinstance(value, bool), value))


@st.composite
def _floats(draw: st.DrawFn, *, discrete: bool) -> dict[str, Any]:
    low = draw(st.sampled_from([0.0, 1e-7, 0.1, 1.0, 3.7, 1e6]) | st.floats(-1e9, 1e9))
    width = draw(st.floats(1e-3, 10.0)) * max(abs(low), 1e-3)
    if discrete or draw(st.booleans()):
        step = draw(st.sampled_from([0.1, 0.25, 1.0, 1e-3, 7.0]) | st.floats(1e-3, 10.0)) * max(1.0, abs(low))
        return {"type": "float", "low": low, "high": low + step * draw(st.floats(1.001, 9)), "step": step}
    return {"type": "float", "low": low, "high": low + width, "log": low > 0 and draw(st.booleans())}


@st.composite
def _ints(draw: st.DrawFn, *, widest: int) -> dict[str, Any]:
    low = draw(st.sampled_from([0, 1, 2, -3, 2**40]))
    width = draw(st.integers(1, widest))
    if low > 0 and draw(st.booleans()):
        return {"type": "int", "low": low, "high": low + width, "log": True}
    return {"type": "int", "low": low, "high": low + width, "step": draw(st.integers(1, width))}


def parameters(*, discrete: bool) -> st.SearchStrategy[dict[str, Any]]:
    """One parameter that is searched; a discrete one has few values."""
    return st.one_of(
        _floats(discrete=discrete),
        _ints(widest=6 if discrete else 2**40),
        _distinct(_SCALARS).map(lambda choices: {"type": "categorical", "choices": choices}),
        _distinct(st.integers(-9, 99)).map(lambda values: {"type": "ordinal", "values": sorted(values)}),
    )


@st.composite
def spaces(draw: st.DrawFn, *, discrete: bool = False, most: int = 5) -> dict[str, Any]:
    """A space. Parameters hang on others before them; where numbers hang on numbers, also on what is derived."""
    space: dict[str, Any] = {}
    for place in range(draw(st.integers(1, most))):
        parameter = draw(parameters(discrete=discrete))
        if place and draw(st.booleans()):
            parameter["when"] = draw(_conditions(space))
        space[f"p{place}"] = parameter
        if parameter["type"] in {"float", "int"} and draw(st.integers(0, 4)) == 0:
            space[f"twice{place}"] = {"type": "derived", "expression": f"p{place} * 2"}
    # What hangs on something may stand before it.
    return {name: space[name] for name in draw(st.permutations(list(space)))}


@st.composite
def _conditions(draw: st.DrawFn, space: Mapping[str, Any]) -> dict[str, Any]:
    name = draw(st.sampled_from(list(space)))
    parameter = space[name]
    if parameter["type"] == "derived":
        return {name: {"min": draw(st.floats(-10, 10))}}
    values = parameter.get("choices") or parameter.get("values")
    if values:
        return {name: draw(st.lists(st.sampled_from(values), min_size=1, max_size=2))}
    middle = parameter["low"] + (parameter["high"] - parameter["low"]) * draw(st.floats(0, 1))
    return {name: draw(st.sampled_from([{"min": middle}, {"max": middle}]))}


def definition(space: Mapping[str, Any], **fields: Any) -> StudyDefinition:
    """A study over a space."""
    filled: dict[str, Any] = {"name": "random", "objectives": [{"metric": "loss"}], "scheduler": "none", "seed": 1}
    return StudyDefinition.model_validate({**filled, "space": dict(space), **fields})


def read(space: Mapping[str, Any]) -> Mapping[str, AnyParameter]:
    """A space as studies have it."""
    return definition(space).space
