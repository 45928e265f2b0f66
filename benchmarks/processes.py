"""What processes cost: their time on the processors, their memory, and databases for a benchmark to run on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.postgres import PostgresServer

_TICKS = os.sysconf("SC_CLK_TCK")
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


def memory(pid: int) -> int:
    """The bytes that one process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """An SQLite file and a PostgreSQL server, by the names of their kinds."""
    with PostgresServer() as postgres:
        postgres.start()
        yield {"sqlite": f"sqlite:///{folder}/basin.db", "postgresql": postgres.url()}
