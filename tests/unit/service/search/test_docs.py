"""The pages on samplers and schedulers name every one of them, and every option."""

from pathlib import Path
from typing import Any

import pytest

from service.wire import sampler, scheduler

DOCS = Path(__file__).parents[4] / "docs"


def records(module: Any) -> list[Any]:
    made = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    return [one for one in made if "type" in getattr(one, "model_fields", {})]


@pytest.mark.parametrize(("module", "page"), [(sampler, "samplers.md"), (scheduler, "schedulers.md")])
def test_the_page_names_everything(module: Any, page: str) -> None:
    text = (DOCS / page).read_text()
    names = {one.model_fields["type"].annotation.__args__[0] for one in records(module)}
    options = {name for one in records(module) for name in one.model_fields} - {"type"}
    assert len(names) > 5
    assert {name for name in names | options if f"`{name}`" not in text} == set()
