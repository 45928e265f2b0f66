"""What is refused when a study is made, with the field; and what is only said."""

from importlib.util import find_spec as really_find
from typing import Any

import pytest

from service.search import samplers
from service.search.desk import Desk
from service.search.refusals import chooses, notes, refusals
from service.search.samplers import SAMPLERS
from service.wire import sampler as wire
from tests.unit.service.search.samples import SMALL, SPACE, definition, study

TWO = [{"metric": "loss"}, {"metric": "seconds"}]
STEPWISE: Any = {"x": {"type": "float", "low": 0, "high": 1, "step": 0.25}, **SMALL}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_that_can_search_is_not_refused(sampler: str) -> None:
    assert refusals(definition(sampler=sampler, space=STEPWISE)) == []


def test_every_sampler_of_the_wire_has_its_record() -> None:
    types = {one.model_fields["type"].annotation.__args__[0] for one in vars(wire).values() if _is_sampler(one)}
    assert types == {"auto", *SAMPLERS}


def _is_sampler(one: Any) -> bool:
    return isinstance(one, type) and one.__module__ == wire.__name__ and "type" in getattr(one, "model_fields", {})


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"sampler": "grid"}, "space.rate.step", "is needed by the sampler grid"),
        ({"sampler": "brute_force"}, "space.rate.step", "is needed by the sampler brute_force"),
        (
            {"sampler": "grid", "space": {**SMALL, "n": {"type": "int", "low": 0, "high": 1, "when": {"batch": 16}}}},
            "space.n.when",
            "use brute_force",
        ),
        (
            {"sampler": "grid", "space": {"n": {"type": "int", "low": 1, "high": 200_000}}},
            "sampler.type",
            "more than 100000",
        ),
        ({"sampler": "cmaes", "objectives": TWO}, "sampler.type", "there are 2: tpe, gp, nsga2"),
        (
            {"sampler": "cmaes", "space": {"width": SPACE["width"]}},
            "sampler.type",
            "knows no values without an order",
        ),
        ({"sampler": {"type": "tpe", "group": True, "multivariate": False}}, "sampler.group", "needs multivariate"),
        ({"scheduler": {"type": "median", "metric": "speed"}}, "scheduler.metric", "is not an objective"),
        (
            {"scheduler": {"type": "patient", "patience": 1, "wrapped": {"type": "median", "metric": "speed"}}},
            "scheduler.wrapped.metric",
            "is not an objective",
        ),
        (
            {
                "objectives": TWO,
                "scheduler": {
                    "type": "patient",
                    "patience": 1,
                    "metric": "loss",
                    "wrapped": {"type": "median", "metric": "seconds"},
                },
            },
            "scheduler.wrapped.metric",
            "must be the same as metric (loss)",
        ),
        (
            {"sampler": {"type": "gp", "observe": "last"}, "objectives": TWO, "scheduler": "asha"},
            "sampler.observe",
            "must be 'final' here",
        ),
        (
            {
                "sampler": {"type": "tpe", "observe": "extrapolated"},
                "scheduler": {"type": "threshold", "metric": "gradient_norm", "upper": 9},
            },
            "sampler.observe",
            "must be 'final' here",
        ),
        ({"space": {"x": {"type": "float", "low": 1, "high": 2, "step": 1e-12}}}, "space.x.step", "is too small"),
        ({"space": {"x": {"type": "float", "low": 0, "high": 1e9, "step": 1e-9}}}, "space.x.step", "is too small"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_field(fields: Any, field: str, text: str) -> None:
    errors = refusals(definition(**fields))
    assert [error.field for error in errors] == [field]
    assert text in errors[0].message


@pytest.mark.parametrize(
    ("fields", "missing", "field"),
    [
        ({"sampler": "gp"}, "torch", "sampler.type"),
        ({"sampler": "qmc"}, "scipy", "sampler.type"),
        ({"sampler": "cmaes"}, "cmaes", "sampler.type"),
        ({"scheduler": "wilcoxon"}, "scipy", "scheduler.type"),
    ],
)
def test_what_is_not_installed_is_refused(
    fields: Any, missing: str, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(module: str) -> Any:
        return None if module == missing else really_find(module)

    monkeypatch.setattr(samplers, "find_spec", find)
    monkeypatch.setattr("service.search.refusals.find_spec", find)
    (error,) = refusals(definition(**fields))
    assert error.field == field
    assert "not installed" in error.message


@pytest.mark.parametrize(
    "fields",
    [
        {"sampler": "gp", "objectives": TWO},
        {"sampler": "nsga2"},
        {"sampler": "nsga3", "objectives": TWO, "scheduler": {"type": "asha", "metric": "seconds"}},
        {"scheduler": {"type": "threshold", "metric": "gradient_norm", "upper": 100}},
        {"scheduler": "auto", "objectives": TWO},
        {"sampler": {"type": "gp", "observe": "last"}, "scheduler": "asha"},
        {"sampler": {"type": "tpe", "observe": "extrapolated"}, "scheduler": "none"},
        {"scheduler": {"type": "asha", "resource": "elapsed"}, "objectives": TWO},
        {"scheduler": {"type": "asha", "resource": "samples", "mode": "stop"}},
        {"scheduler": {"type": "patient", "patience": 3}},
        {"space": {"x": {"type": "float", "low": 1.0, "high": 2.0, "step": 1e-6}}},
        {"space": {"x": {"type": "float", "low": 0.0, "high": 1.0, "step": 1e-7}}},
    ],
)
def test_what_can_be_done_is_not_refused(fields: Any) -> None:
    assert refusals(definition(**fields)) == []
    Desk(study(**fields))


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"sampler": "cmaes"}, "cmaes knows no values without an order: it draws 'width' at random."),
        (
            {"sampler": "gp", "space": {**SMALL, "n": {"type": "int", "low": 0, "high": 1, "when": {"batch": 16}}}},
            "gp knows no conditions",
        ),
        (
            {"sampler": "tpe", "space": {**SMALL, "n": {"type": "int", "low": 0, "high": 1, "when": {"batch": 16}}}},
            "one at a time",
        ),
        (
            {"sampler": "gp", "scheduler": "median"},
            "gp learns nothing from trials that are cut short, unless 'observe: last' shows them.",
        ),
    ],
)
def test_what_works_otherwise_than_one_might_think_is_said(fields: Any, note: str) -> None:
    assert refusals(definition(**fields)) == []
    assert any(note in one for one in notes(definition(**fields)))
    assert note in chooses(definition(**fields))


def test_nothing_is_said_where_there_is_nothing_to_say() -> None:
    assert notes(definition(sampler="tpe", scheduler="median")) == []
    assert notes(definition(sampler="random", scheduler="median")) == []
    assert notes(definition(sampler={"type": "gp", "observe": "last"}, scheduler="median")) == []
    assert chooses(definition(sampler="tpe")) == "tpe: a tree-structured Parzen estimator, as the study asks."
