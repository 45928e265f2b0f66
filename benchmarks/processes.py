"""What processes cost: their time on the processors, their memory, and databases for a benchmark to run on."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.postgres import PostgresServer

_TICKS = os.sysconf("SC_CLK_TCK")
_LOOK = 0.5
_SETTLED = 0.05
_AT_REST = 5
_PATIENCE = 60.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> list[int]:
    """A process, its children, and theirs."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*"):
            found += map(int, (task / "children").read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """What a process and its children have used, those that have ended and were waited for included."""
    total = 0.0
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15])) / _TICKS
    return total


def settle(pid: int) -> None:
    """Wait until a process and its children rest: what they do when they start is not what is measured.

    A server loads what its first study will need a moment after it is ready.
    """
    end = time.monotonic() + _PATIENCE
    used, rested = cpu_seconds(pid), 0
    while rested < _AT_REST:
        if time.monotonic() > end:
            raise TimeoutError(f"process {pid} has not come to rest in {_PATIENCE:g} s")
        time.sleep(_LOOK)
        before, used = used, cpu_seconds(pid)
        rested = rested + 1 if used - before < _SETTLED * _LOOK else 0


def memory(pid: int) -> int:
    """The bytes that one process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """An SQLite file and a PostgreSQL server, by the names of their kinds."""
    with PostgresServer() as postgres:
        postgres.start()
        yield {"sqlite": f"sqlite:///{folder}/basin.db", "postgresql": postgres.url()}
