"""Documents that repeat what the code says stay true to it."""

import os
import re
import tomllib
from pathlib import Path

import pytest

from service.cli import errors
from service.config import PREFIX, Settings, load

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "docs/operations.md"
TABLE = re.compile(r"(<!-- settings, from service/config.py -->\n).*?(<!-- end -->)", re.DOTALL)


def spelled(value: object) -> str:
    """A default as one would write it in a variable."""
    match value:
        case None:
            return "auto"
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(value) or "(none)"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def settings_table() -> str:
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for one in load({}, {}, None).sources:
        meaning = Settings.model_fields[one.name].description
        rows.append(f"| `{PREFIX}{one.name.upper()}` | `{spelled(one.value)}` | {meaning} |")
    return "\n".join(rows) + "\n"


def test_the_table_of_settings_is_the_code_s() -> None:
    text = OPERATIONS.read_text()
    fresh = TABLE.sub(lambda found: found[1] + settings_table() + found[2], text)
    assert TABLE.search(text)
    if os.environ.get("BASIN_TEST_WRITE"):
        OPERATIONS.write_text(fresh)
    assert text == fresh, "stale: write it anew with BASIN_TEST_WRITE=1 .venv/bin/pytest tests/unit/test_documents.py"


def test_every_exit_code_is_told() -> None:
    codes = {0, errors.INTERRUPTED, errors.CommandError.exit_code}
    codes |= {kind.exit_code for kind in errors.CommandError.__subclasses__()}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", OPERATIONS.read_text(), re.MULTILINE)} == codes


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    wanted += [one for name, extra in extras.items() if name != "all" for one in extra]
    decision = (ROOT / "docs/decisions/0001-dependencies.md").read_text()
    for one in wanted:
        name = re.split(r"[\[<>=]", one)[0].removeprefix("pytest-") or one
        assert re.search(rf"\b{re.escape(name)}\b", decision, re.IGNORECASE), one


@pytest.mark.parametrize(
    "document", sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")}), ids=lambda path: path.name
)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|mailto:|#)([^)#\s]+)", document.read_text()):
        assert (document.parent / target).exists(), target
