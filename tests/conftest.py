"""What every test has: a fixed order of folders, a seed that is printed, one thread of arithmetic."""

import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.conformance")
pytest_plugins = ["tests.databases"]

TESTS = Path(__file__).parent
# From quick to slow: what is broken at the bottom is seen first. Files that stand beside these folders come before all.
ORDER = ("unit", "conformance", "integration", "acceptance", "browser")
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


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Iterator[random.Random]:
    """Randomness that a failing test can be run with again: it hangs on the printed seed and the test's name."""
    yield random.Random(f"{SEED} {request.node.nodeid}")
    # Shown by pytest with a failing test only.
    sys.stdout.write(f"again with: BASIN_TEST_SEED={SEED}\n")
