"""The catalog of techniques: each is found, says what must be known of it, and has the test that it names."""

import ast
import os
import re
from pathlib import Path

import pytest

from trainers.proposal import entries, holds
from trainers.techniques import catalog, table
from trainers.techniques.technique import Technique

ROOT = Path(__file__).parents[3]
FILES = [path for path in (ROOT / "trainers/techniques").glob("*/*.py") if "TECHNIQUE = " in path.read_text()]


def test_every_file_is_found_under_its_kind() -> None:
    assert len(FILES) == len(catalog.TECHNIQUES) >= 60
    assert {(path.parent.name, path.stem) for path in FILES} >= {
        (one.kind, one.name) for one in catalog.TECHNIQUES if one.name not in {"accumulation"}
    }


@pytest.mark.parametrize("technique", catalog.TECHNIQUES, ids=lambda one: f"{one.kind}/{one.name}")
def test_each_says_what_must_be_known(technique: Technique) -> None:
    assert technique.summary
    assert technique.paper
    file, _, test = technique.test.partition("::")
    name, _, case = test.partition("[")
    functions = {
        node.name: node for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)
    }
    assert name in functions, f"there is no {technique.test}"
    assert bool(case) <= bool(functions[name].decorator_list)


def test_the_table_of_the_guide_is_the_catalog_s() -> None:
    guide = ROOT / "docs/techniques.md"
    text = guide.read_text()
    shown = re.compile(r"(<!-- techniques, from trainers/techniques -->\n).*?(<!-- end -->)", re.DOTALL)
    assert shown.search(text)
    fresh = shown.sub(lambda found: found[1] + table.markdown() + found[2], text)
    if os.environ.get("BASIN_TEST_WRITE"):
        guide.write_text(fresh)
    assert text == fresh, (
        "stale: write it anew with BASIN_TEST_WRITE=1 .venv/bin/pytest tests/unit/trainers/test_catalog.py"
    )


def test_one_name_means_one_thing() -> None:
    dimensions = [one for technique in catalog.TECHNIQUES for one in technique.dimensions]
    for one in dimensions:
        assert all(other == one for other in dimensions if other.name == one.name), one.name


def test_what_is_off_by_default_changes_nothing() -> None:
    """A technique that goes with others is off until it is asked for."""
    assert (
        catalog.clashes({one.name: one.default for one in (d for t in catalog.TECHNIQUES for d in t.dimensions)}) == []
    )


def test_a_dimension_takes_part_where_a_technique_has_it() -> None:
    found = {one.name: one for one in catalog.dimensions("optimizer")}
    assert found["momentum"].entry["when"] == {"optimizer": ["nesterov", "sgd"]}
    assert found["rmsprop_decay"].entry["when"] == {"optimizer": "rmsprop"}
    (schedule,) = (one for one in catalog.dimensions("schedule", "cosine", "linear") if one.name == "lr_final")
    assert "when" not in schedule.entry, "both of those that can be chosen have it"


def test_a_condition_about_what_is_not_searched_is_settled() -> None:
    optimizer = catalog.choice_of("optimizer", default="sgd", searched=False)
    found = entries((optimizer, *catalog.dimensions("optimizer")))
    assert found == {"momentum": {"type": "float", "low": 0.5, "high": 0.99}}


@pytest.mark.parametrize(
    ("test", "value", "expected"),
    [
        ("sgd", "sgd", True),
        (["sgd", "adam"], "lion", False),
        ({"min": 2}, 3, True),
        ({"min": 2, "max": 4}, 5, False),
        ({"min": 0}, True, False),
        (1, True, False),
    ],
)
def test_conditions(test: object, value: bool | int | str, expected: bool) -> None:
    assert holds(test, value) is expected
