"""What a thousand idle workers cost a server: of its processor, and of the wait of one who reports meanwhile.

The workers wait for trials 49 to 50 seconds at a time and send heartbeats as often as the server wants them; none of
them has anything to do. A reporter sends a point every 20 ms, in turn with the thousand and without them, each time to
a server that was started for it. The processor's time is counted while nobody reports.
"""

import argparse
import asyncio
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import bars, crowd, processes
from benchmarks.bars import Outcome
from benchmarks.talk import Talk
from tests.acceptance.server_process import ServerProcess

WORKERS = 1_000
ROUNDS = 3
PACE = 0.02
STUDY = "/v1/studies/reported"
_DEFINITION: dict[str, Any] = {
    "name": "reported",
    "objectives": [{"metric": "loss"}],
    "space": {"x": {"type": "float", "low": 0, "high": 1}},
    "sampler": "random",
    "scheduler": "none",
    "trainer": {"name": "another"},
}


class Reporter:
    """One trial that is reported, point after point."""

    def __init__(self, lease: dict[str, Any]) -> None:
        self._path = f"{STUDY}/trials/{lease['trial']}/attempts/{lease['attempt']}:report"
        self._token = lease["token"]
        self._steps = itertools.count(1)

    @classmethod
    async def new(cls, port: int) -> "Reporter":
        """Make a study, and take a trial of it."""
        talk = await Talk.to(port)
        await talk.post("/v1/studies", _DEFINITION)
        asked = await talk.post(f"{STUDY}:ask", {"worker": "bench", "wait_seconds": 30})
        talk.close()
        return cls(asked["leases"][0])

    async def waits(self, port: int, seconds: float) -> list[float]:
        """Report for so long; the seconds that each report took, without those of the first moments."""
        talk = await Talk.to(port)
        took = []
        begin = time.perf_counter()
        while (sent := time.perf_counter()) < begin + seconds + 1:
            step = next(self._steps)
            points = [{"step": step, "metrics": {"loss": 1 / step}}]
            await talk.post(self._path, {"token": self._token, "first_seq": step, "points": points})
            if sent > begin + 1:
                took.append(time.perf_counter() - sent)
            await asyncio.sleep(PACE)
        talk.close()
        return took


def run(arguments: argparse.Namespace) -> Outcome:
    """Measure each database in turn."""
    rounds = 1 if arguments.quick else ROUNDS
    seconds = 5.0 if arguments.quick else 10.0
    outcome = Outcome(f"{arguments.workers:,} idle workers, one server process")
    with tempfile.TemporaryDirectory(prefix="basin-bench-", dir=arguments.folder) as name:
        folder = Path(name)
        with processes.databases(folder) as urls:
            for kind in arguments.databases.split(","):
                _measure(outcome, kind, urls[kind], folder, arguments.workers, rounds, seconds)
    return outcome


def _measure(outcome: Outcome, kind: str, url: str, folder: Path, workers: int, rounds: int, seconds: float) -> None:
    alone: list[float] = []
    beside: list[float] = []
    idle: list[float] = []
    nobody: list[float] = []
    server = ServerProcess(url, folder, lease_ttl_seconds="60", log_level="warning")
    with _crowd(server.port, workers) as tell:
        with server:
            reporter = asyncio.run(Reporter.new(server.port))
            tell("introduce")
        for turn in range(rounds):
            with server:
                alone.append(_p99(asyncio.run(reporter.waits(server.port, seconds))))
                if not turn:
                    nobody.append(_share(server, seconds))
            with server:
                tell("go")
                time.sleep(crowd.SPREAD + 2)  # until all have come
                idle.append(_share(server, 1.5 * seconds))
                beside.append(_p99(asyncio.run(reporter.waits(server.port, seconds))))
                answered = tell("stop")
            print(
                f"{kind}, round {turn + 1}: {idle[-1]:.3g} % of a core, p99 {alone[-1]:.3g} ms alone, "
                f"{beside[-1]:.3g} ms beside them, {answered} answered heartbeats and polls",
                flush=True,
            )
    outcome.figure(f"{kind}: CPU of the server without workers", "% of a core", nobody)
    share = outcome.figure(f"{kind}: CPU of the server, {workers:,} idle", "% of a core", idle)
    without = outcome.figure(f"{kind}: report p99 without them", "ms", alone)
    with_them = outcome.figure(f"{kind}: report p99 beside them", "ms", beside)
    outcome.bar(f"{kind}: CPU of the server, {workers:,} idle", share.median, at_most=5, unit="% of a core")
    ratio = with_them.median / without.median
    outcome.bar(f"{kind}: report p99 beside them against without", ratio, at_most=1.5, unit="x")


def _share(server: ServerProcess, seconds: float) -> float:
    """The share of a core that the server and its children take, in percent."""
    before, begin = processes.cpu_seconds(server.pid), time.perf_counter()
    time.sleep(seconds)
    return (processes.cpu_seconds(server.pid) - before) / (time.perf_counter() - begin) * 100


def _p99(waits: list[float]) -> float:
    return bars.percentile(waits, 99) * 1e3


@contextmanager
def _crowd(port: int, workers: int) -> Iterator[Any]:
    """The workers, in a process of their own: a function that tells it a word and answers what it answers."""
    command = [sys.executable, "-m", "benchmarks.crowd", str(port), str(workers), "1"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    told, said = process.stdin, process.stdout

    def tell(word: str) -> str:
        told.write(f"{word}\n")
        told.flush()
        answer = said.readline()
        if not answer or "failed" in answer:
            raise RuntimeError(f"the workers: {answer or 'ended'}")
        return answer.strip()

    try:
        yield tell
    finally:
        process.kill()
        process.communicate()


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, help="where SQLite's file is put: the disk that is measured")
    parser.add_argument("--workers", type=int, default=WORKERS, help="how many there are")
    parser.add_argument("--databases", default="sqlite,postgresql", help="which ones (both)")


if __name__ == "__main__":
    crowd.may_open(2 * WORKERS + 400)
    bars.main(run, options=_options)
