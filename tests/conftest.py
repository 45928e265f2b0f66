"""What every test has: a fixed order of folders, a seed that is printed, one thread of arithmetic."""

import os
import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

pytest.register_assert_rewrite("tests.conformance")
pytest_plugins = ["tests.databases"]

TESTS = Path(__file__).parent
# From quick to slow: what is broken at the bottom is seen first. Files that stand beside these folders come before all.
ORDER = ("unit", "conformance", "integration", "acceptance", "gpu", "browser")
# An image is built once for all its tests.
TOGETHER = "tests/acceptance/test_dockerfile.py"
SEED = int(os.environ.get("BASIN_TEST_SEED") or random.SystemRandom().randrange(2**32))
# Set before the workers of pytest-xdist start, so that all of them draw from the same seed.
os.environ["BASIN_TEST_SEED"] = str(SEED)
# A shell that runs the suite in the background has it ignore Ctrl-C, and all that the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# So would they ignore a hangup under nohup. What is handled here, whatever the handler does, is as usual with them.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)
# Hundreds of processes are started here. Where a shell asks that no bytecode be kept, each would compile all of Basin.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Thousands of commits would wait for the disk, which shows nothing while nobody pulls the plug: what tests write stays
# in memory where there is room for it, and is gone with each test that has passed.
_MEMORY = Path("/dev/shm")
if "TMPDIR" not in os.environ and _MEMORY.is_dir():
    _room = os.statvfs(_MEMORY)
    if _room.f_bavail * _room.f_frsize > 8 * 2**30 and not _room.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)
# One thread of arithmetic for each process, torch's too when it is loaded: several of them wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_report_header() -> str:
    hashes = os.environ.get("PYTHONHASHSEED", "random")
    return f"seed: BASIN_TEST_SEED={SEED} PYTHONHASHSEED={hashes}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(TESTS).parts[0]
        return ORDER.index(folder) if folder in ORDER else -1

    items.sort(key=place)


class Apart(LoadScopeScheduling):  # type: ignore[misc]  # xdist is not annotated
    """Modules stay together, for what their tests share; those of acceptance share nothing, and run side by side.

    Those of `gpu` measure the memory of one GPU: they come one after the other.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/gpu/"):
            return "tests/gpu"
        alone = nodeid.startswith("tests/acceptance/") and not nodeid.startswith(TOGETHER)
        return nodeid if alone else str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Apart | None:
    return Apart(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Iterator[random.Random]:
    """Randomness that a failing test can be run with again: it hangs on the printed seed and the test's name."""
    yield random.Random(f"{SEED} {request.node.nodeid}")
    # Shown by pytest with a failing test only.
    sys.stdout.write(f"again with: BASIN_TEST_SEED={SEED}\n")
