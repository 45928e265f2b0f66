"""How long a server takes from its start until it is ready, a command to its first line, and what both cost.

Each is a fresh process with its bytecode kept. The server is started over a new SQLite file, which it migrates, then
over the same file again. A command is timed until it has written its first line; `study list` asks a server. What they
cost is the time that they computed, which another load on the machine lengthens less.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks import bars
from benchmarks.bars import Outcome
from tests.acceptance.server_process import ServerProcess

ROUNDS = 10
COMMANDS = (("--help",), ("study", "list"), ("study", "list", "--help"), ("worker", "--help"), ("serve", "--help"))


def run(arguments: argparse.Namespace) -> Outcome:
    """Measure the server, then the commands."""
    rounds = 3 if arguments.quick else ROUNDS
    outcome = Outcome(f"from a start to being ready, {rounds} rounds")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="basin-bench-") as name:
        folder = Path(name)
        _started(folder, "first")  # the bytecode is there from here on
        outcome.figure("serve, a new file", "ms", [_started(folder, f"new-{turn}")[0] for turn in range(rounds)])
        again = [_started(folder, "first") for _ in range(rounds)]
        ready = outcome.figure("serve, a file that is there", "ms", [waited for waited, _ in again])
        outcome.figure("serve, computed", "ms", [computed for _, computed in again])
        with ServerProcess(f"sqlite:///{folder}/asked.db", folder, log_level="warning") as server:
            for command in COMMANDS:
                said = [_said(command, server.address) for _ in range(rounds)]
                shown = outcome.figure(" ".join(("basin", *command)), "ms", [waited for waited, _ in said])
                outcome.figure(" ".join(("basin", *command, "computed")), "ms", [computed for _, computed in said])
                outcome.bar(f"first line of {' '.join(command)}", shown.median, at_most=300, unit="ms")
    outcome.bar("serve until it is ready", ready.median, at_most=1_500, unit="ms")
    return outcome


def _started(folder: Path, name: str) -> tuple[float, float]:
    """Milliseconds until a server is ready, and those that it has computed until then."""
    begun = time.perf_counter()
    with ServerProcess(f"sqlite:///{folder}/{name}.db", folder, log_level="warning") as server:
        waited = time.perf_counter() - begun
        spent = psutil.Process(server.pid).cpu_times()
    return waited * 1e3, (spent.user + spent.system) * 1e3


def _said(command: tuple[str, ...], address: str) -> tuple[float, float]:
    """Milliseconds until a command has written its first line, and those that it has computed in all."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    environ = {**os.environ, "BASIN_SERVER": address}
    with subprocess.Popen(
        [sys.executable, "-m", "service.cli", *command], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        waited = time.perf_counter() - begun
        process.stdout.read()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return waited * 1e3, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


if __name__ == "__main__":
    bars.main(run)
