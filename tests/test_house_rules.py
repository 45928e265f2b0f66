"""Rules no linter knows. Each says why; an exception is a line here, with its reason."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("service", "worker", "trainers", "migrations")
CODE = [path for top in (*PACKAGES, "benchmarks", "tests") for path in sorted((ROOT / top).rglob("*.py"))]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())

# "service/store/postgres.py": 450,  # one table, one file
LONGER: dict[str, int] = {}
VAGUE = {"utils", "util", "common", "helpers", "base", "misc", "stuff"}
# Modules that may be called so after all: "trainers/techniques/base.py",  # what every technique is
VAGUE_ALLOWED: set[str] = set()
HEAVY = {"torch", "sqlalchemy", "optuna", "fastapi", "starlette", "uvicorn", "pyarrow", "numpy"}
# Whoever starts a command or a worker waits for these, and a worker node may have nothing else installed.
LIGHT = (
    "service.wire",
    "service.domain",
    "service.usecases",
    "service.cli",
    "service.config",
    "service.logs",
    "worker",
)
# Settings come from one place, so that `basin config` can tell the source of each.
READS_ENVIRONMENT = (
    "service/bootstrap.py",
    "service/cli",
    "tests",
    "benchmarks",
    "migrations/env.py",
    "worker/cli.py",
    "worker/child/slot.py",  # does not read it, but replaces it by the one that the agent has sent
)
ENVIRONMENT = ("os.environ", "os.getenv", "from os import environ", "from os import getenv")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def modules(package: str) -> list[str]:
    """The package and all modules in it, as import names."""
    folder = ROOT.joinpath(*package.split("."))
    if not folder.is_dir():
        return [package]
    found = (path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in folder.rglob("*.py"))
    return sorted(module.removesuffix(".__init__") for module in found if not module.endswith("__main__"))


def test_files_stay_readable() -> None:
    lines = {name(path): len(path.read_text().splitlines()) for path in CODE}
    assert {one: count for one, count in lines.items() if count > LONGER.get(one, 400)} == {}


def test_every_module_says_what_it_is() -> None:
    sources = {name(path): path.read_text() for path in CODE}
    assert [one for one, source in sources.items() if source.strip() and not ast.get_docstring(ast.parse(source))] == []


def test_no_module_is_called_nothing_in_particular() -> None:
    vague = [name(path) for path in CODE if path.stem in VAGUE or path.parent.name in VAGUE]
    assert set(vague) <= VAGUE_ALLOWED


def test_only_the_edge_reads_the_environment() -> None:
    reads = []
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute | ast.ImportFrom) and ast.unparse(node).startswith(ENVIRONMENT):
                reads.append(f"{name(path)}:{node.lineno}")
    assert [read for read in reads if not read.startswith(READS_ENVIRONMENT)] == []


@pytest.mark.parametrize("package", LIGHT)
def test_light_modules_stay_light(package: str) -> None:
    """Import in a fresh interpreter: the linter sees imports, this sees what really loads."""
    code = f"import sys, {', '.join(modules(package))}; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_the_wire_loads_nothing_else_of_the_service() -> None:
    code = (
        f"import sys, {', '.join(modules('service.wire'))}; print(*(m for m in sys.modules if m.startswith('service')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert {module for module in done.stdout.split() if not module.startswith("service.wire")} == {"service"}


def test_the_service_package_itself_is_empty() -> None:
    assert (ROOT / "service/__init__.py").read_text() == ""


def test_every_folder_of_code_is_a_package() -> None:
    """Without `__init__.py` two tests of one name collide, and the import contracts do not see the folder."""
    assert [name(folder) for folder in {path.parent for path in CODE} if not (folder / "__init__.py").exists()] == []


def test_every_package_is_checked_and_shipped() -> None:
    here = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert here == {*PACKAGES, "benchmarks", "tests"}
    assert set(PROJECT["tool"]["mypy"]["files"]) == here
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == set(PACKAGES)
    assert set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == set(PACKAGES)


@pytest.mark.parametrize("package", ["service", "worker", "trainers"])
def test_every_module_has_its_layer(package: str) -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (layers,) = (one for one in contracts if one.get("containers") == [package])
    assert layers["exhaustive"] is True
    placed = {part.strip(" ()") for layer in layers["layers"] for part in layer.split("|")}
    folder = ROOT / package
    there = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert there - {"__init__"} <= placed


def test_decisions_are_short_and_numbered() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [path.name for path in decisions if len(path.read_text().splitlines()) > 40] == []
    assert [path.name[:5] for path in decisions] == [f"{number:04}-" for number in range(1, len(decisions) + 1)]


def test_the_architecture_fits_on_a_page() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 120


def test_pins_are_exact_and_sorted() -> None:
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(pin.count("==") == 1 for pin in pins)
    names = [pin.partition("==")[0].lower() for pin in pins]
    assert names == sorted(set(names))
