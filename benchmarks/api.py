"""How many reports a second one server process acknowledges over HTTP, each of them committed, beside bare FastAPI.

Every connection holds a lease and reports point after point, one request a point, as 64 workers would that report each
step. The bare server reads the same bodies and answers the same bytes, and keeps nothing. Reports that are judged as
well are shown beside those that are not: their rungs are few, and dear.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import bars
from benchmarks.bars import Outcome
from benchmarks.load import Load, MakeRequest, drive, post
from service.wire.study import DEFINITION_EXAMPLE
from tests.acceptance.server_process import ServerProcess, free_port
from tests.conformance.postgres import PostgresServer

CONNECTIONS = 64
ROUNDS = 5
_JUDGED = "sqlite, judged at rungs (asha)"
_PARAMS = {"learning_rate": 0.001, "dropout": 0.2, "batch_size": 32, "optimizer": "adamw"}


def run(arguments: argparse.Namespace) -> Outcome:
    """Measure the server on both databases, and the bare one, in turn."""
    seconds = 1.0 if arguments.quick else 4.0
    outcome = Outcome(f"reports over HTTP, {CONNECTIONS} connections, one process")
    with (
        tempfile.TemporaryDirectory(prefix="basin-bench-", dir=arguments.folder) as folder,
        PostgresServer() as postgres,
    ):
        postgres.start()
        urls = {"sqlite": f"sqlite:///{folder}/basin.db", "postgresql": postgres.url()}
        loads: dict[str, list[Load]] = {name: [] for name in (*urls, _JUDGED, "bare FastAPI")}
        with _bare() as port:
            for turn in range(ROUNDS + 1):
                for name, url in urls.items():
                    with ServerProcess(url, Path(folder), log_level="warning") as server:
                        _reports(server, f"warm-{turn}", 1.0, "none")
                        loads[name].append(_reports(server, f"bench-{turn}", seconds, "none"))
                with ServerProcess(urls["sqlite"], Path(folder), log_level="warning") as server:
                    _reports(server, f"warm-judged-{turn}", 1.0, "asha")
                    loads[_JUDGED].append(_reports(server, f"judged-{turn}", seconds, "asha"))
                loads["bare FastAPI"].append(drive(port, [_report("/bare", 1) for _ in range(CONNECTIONS)], seconds))
    for name, seen in loads.items():
        del seen[0]  # the first turn warms caches up
        outcome.figure(f"{name}: acknowledged", "reports/s", [load.rate for load in seen])
        outcome.figure(f"{name}: wait p50", "ms", [bars.percentile(load.waits, 50) * 1e3 for load in seen])
        outcome.figure(f"{name}: wait p99", "ms", [bars.percentile(load.waits, 99) * 1e3 for load in seen])
    for figure in outcome.figures[:]:
        if figure.unit == "reports/s" and figure.name.startswith(tuple(f"{name}:" for name in urls)):
            outcome.bar(figure.name, figure.median, at_least=3_000, unit="reports/s")
    outcome.bar("refused", sum(load.refused for seen in loads.values() for load in seen), at_most=0, unit="reports")
    return outcome


def _reports(server: ServerProcess, study: str, seconds: float, scheduler: str) -> Load:
    definition = {**DEFINITION_EXAMPLE, "name": study, "scheduler": scheduler, "budget": {}}
    _call(server, "/v1/studies", definition)
    for _ in range(CONNECTIONS):
        _call(server, f"/v1/studies/{study}/trials", {"params": _PARAMS})
    asked = _call(server, f"/v1/studies/{study}:ask", {"worker": "bench", "max_trials": CONNECTIONS})
    requests = [
        _report(f"/v1/studies/{study}/trials/{lease['trial']}/attempts/{lease['attempt']}:report", lease["token"])
        for lease in asked["leases"]
    ]
    return drive(server.port, requests, seconds)


def _report(path: str, token: int) -> MakeRequest:
    def make(n: int) -> bytes:
        metrics = f'{{"val_loss":{1 / n},"val_accuracy":{1 - 1 / (n + 1)}}}'
        body = f'{{"token":{token},"first_seq":{n},"points":[{{"step":{n},"metrics":{metrics},"elapsed":{n * 0.5}}}]}}'
        return post(path, body.encode())

    return make


def _call(server: ServerProcess, path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        server.address + path, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


@contextmanager
def _bare() -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.bare_api", str(port)])
    try:
        _wait_for(port)
        yield port
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            drive(port, [_report("/bare", 1)], 0.05)
        except OSError:
            subprocess.run(["sleep", "0.1"], check=True)
        else:
            return
    raise RuntimeError("the bare server did not start")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, help="where SQLite's file is put: the disk that is measured")


if __name__ == "__main__":
    bars.main(run, options=_options)
