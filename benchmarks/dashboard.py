"""What the dashboard costs at ten thousand trials: the browser that opens a study, and the server that many follow.

Beside it, in the same run, optuna-dashboard on the same trials, where it is installed. It is no dependency; give it an
environment of its own: `python3 -m venv /tmp/board && /tmp/board/bin/pip install optuna-dashboard`, then
`python -m benchmarks.dashboard --optuna-dashboard /tmp/board`.
"""

import argparse
import asyncio
import json
import math
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from benchmarks import bars, big_study, front, processes
from benchmarks.bars import Outcome
from benchmarks.browsing import Visit, chromium, visit
from benchmarks.listeners import listen
from benchmarks.talk import Talk
from service.store.opening import open_store
from tests.acceptance.server_process import ServerProcess, free_port

TRIALS = 10_000
ROUNDS = 3
LISTENERS = 200
BEAT_SECONDS = 0.5
_PAGE = f"/studies/{big_study.NAME}"
_API = f"/v1/studies/{big_study.NAME}"
_CHART = 'document.querySelector("[data-module=\\"charts/curves.js\\"]")?.chart'
_PEER_SECONDS = 240.0


def options(parser: argparse.ArgumentParser) -> None:
    """Where the other dashboard is."""
    parser.add_argument("--optuna-dashboard", type=Path, metavar="VENV", help="an environment that has it")


def run(arguments: argparse.Namespace) -> Outcome:
    """Measure the pages, then the stream, then the other dashboard."""
    count = 2_000 if arguments.quick else TRIALS
    outcome = Outcome(f"the dashboard, {count:,} trials of up to {big_study.STEPS} points")
    with tempfile.TemporaryDirectory(prefix="basin-bench-") as name:
        folder = Path(name)
        _fill(folder, count)
        with ServerProcess(f"sqlite:///{folder}/basin.db", folder, log_level="warning") as server:
            outcome.figure("server: curves read after its start", "s", [_ready(server)])
            with chromium() as browser:
                _pages(outcome, browser, server.address, rounds=1 if arguments.quick else ROUNDS)
                front.report(outcome, server.address, big_study.NAME)
                front.measure(outcome, browser, server.address, count, rounds=1 if arguments.quick else ROUNDS)
            _stream(outcome, server, seconds=5.0 if arguments.quick else 20.0)
        if arguments.optuna_dashboard is not None:
            with chromium() as browser:
                _peer(outcome, browser, arguments.optuna_dashboard, folder, count)
    return outcome


def _fill(folder: Path, count: int) -> None:
    store = open_store(f"sqlite:///{folder}/basin.db")
    big_study.fill(store, count)
    store.close()


def _ready(server: ServerProcess) -> float:
    begin = time.perf_counter()
    while True:
        told = _get(server.address + f"{_API}/curves?density=false&top=0")
        if told["read"] == told["of"]:
            return time.perf_counter() - begin


def _get(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(address, timeout=60) as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return told


def _pages(outcome: Outcome, browser: Browser, address: str, *, rounds: int) -> None:
    """Open the study's page in fresh windows, then have all of its curves drawn."""
    found: dict[str, list[float]] = {"first": [], "bytes": [], "memory": [], "task": [], "all": [], "all task": []}
    for _ in range(rounds):
        with visit(browser, address + _PAGE) as seen:
            _wait(seen, f"{_CHART}?.timings.first")
            seen.page.wait_for_timeout(1500)
            found["first"].append(float(seen.page.evaluate(f"{_CHART}.timings.first")) / 1000)
            found["bytes"].append(seen.bytes / 1000)
            found["memory"].append(seen.memory_mb())
            found["task"].append(seen.longest_task_ms())
            begin = float(seen.page.evaluate("performance.now()"))
            seen.page.click('button[value="all"]')
            _wait(seen, f"{_CHART}.timings.allSeen")
            found["all"].append((float(seen.page.evaluate(f"{_CHART}.timings.allSeen")) - begin) / 1000)
            found["all task"].append(seen.longest_task_ms())
            found["memory"][-1] = max(found["memory"][-1], seen.memory_mb())
    figures = {
        "first": outcome.figure("study page: first chart seen", "s", found["first"]),
        "bytes": outcome.figure("study page: transferred, all of it", "kB", found["bytes"]),
        "task": outcome.figure("study page: longest task", "ms", found["task"]),
        "all": outcome.figure("all curves: from the click until seen", "s", found["all"]),
        "all task": outcome.figure("all curves: longest task", "ms", found["all task"]),
        "memory": outcome.figure("renderer's memory, all curves included", "MB", found["memory"]),
    }
    outcome.bar("first chart", figures["first"].median, at_most=1.0, unit="s")
    outcome.bar("transferred", figures["bytes"].median, at_most=150, unit="kB")
    outcome.bar("renderer", figures["memory"].median, at_most=250, unit="MB")
    outcome.bar("longest task", max(figures["task"].median, figures["all task"].median), at_most=200, unit="ms")
    outcome.bar("all curves", figures["all"].median, at_most=1.0, unit="s")


def _wait(seen: Visit, expression: str) -> None:
    if seen.until(lambda page: page.evaluate(expression), 30.0) is None:
        raise SystemExit(f"the page did not come to: {expression}")


def _stream(outcome: Outcome, server: ServerProcess, *, seconds: float) -> None:
    """The processor's time of the server while points come twice a second: with nobody following, and with many."""
    shares = []
    heard = None
    for count in (0, LISTENERS):
        heard, share = asyncio.run(_followed(server, count, seconds))
        shares.append(share)
    assert heard is not None
    outcome.figure("stream: server while points come and nobody follows, share of a core", "%", [shares[0]])
    outcome.figure(f"stream: the same with {LISTENERS} followers", "%", [shares[1]])
    outcome.figure("stream: messages to each follower", "/s", [heard / LISTENERS / seconds])
    outcome.bar(f"{LISTENERS} followers", shares[1] - shares[0], at_most=10, unit="% of a core")


async def _followed(server: ServerProcess, count: int, seconds: float) -> tuple[int, float]:
    talk = await Talk.to(server.port)
    running = (await talk.get(f"{_API}/trials?state=running&page_size=8"))["trials"]
    attempts = {
        one["number"]: (await talk.get(f"{_API}/trials/{one['number']}/attempts"))["attempts"][-1] for one in running
    }
    reporting = asyncio.create_task(_report(talk, attempts))
    try:
        listening = asyncio.create_task(listen(server.port, f"/live?study={big_study.NAME}", count, seconds + 3))
        await asyncio.sleep(3)
        before, begin = processes.cpu_seconds(server.pid), time.perf_counter()
        await asyncio.sleep(seconds)
        share = (processes.cpu_seconds(server.pid) - before) / (time.perf_counter() - begin) * 100
        heard = await listening
        if reporting.done():
            reporting.result()  # it has no end of its own: it tells what went wrong
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        talk.close()
    return heard.messages, share


async def _report(talk: Talk, attempts: dict[int, dict[str, Any]]) -> None:
    """A point for each of some running trials, twice a second."""
    # A trial of this study has reported each of its steps: points and steps are numbered alike.
    steps = {number: one["last_step"] for number, one in attempts.items()}
    beat = time.monotonic()
    while True:
        for number, step in steps.items():
            point = {"step": step + 1, "metrics": {"val_loss": 0.5}}
            body = {"token": 1, "first_seq": step + 1, "points": [point]}
            await talk.post(f"{_API}/trials/{number}/attempts/1:report", body)
            steps[number] = step + 1
        beat += BEAT_SECONDS
        await asyncio.sleep(max(0.0, beat - time.monotonic()))


def _peer(outcome: Outcome, browser: Browser, venv: Path, folder: Path, count: int) -> None:
    """optuna-dashboard on the same trials."""
    trials = folder / "trials.json"
    bounds = {
        name: (one.get("low", 0), one.get("high", 1), one.get("log", False))
        for name, one in big_study.PARAMETERS.items()
    }
    choices = {name: one["choices"] for name, one in big_study.PARAMETERS.items() if "choices" in one}
    known = [
        {
            "params": past.params,
            "curve": [value if math.isfinite(value) else 1e12 for value in past.curve],
            "state": past.state,
        }
        for past in big_study.pasts(count)
    ]
    trials.write_text(json.dumps({"name": big_study.NAME, "bounds": bounds, "choices": choices, "trials": known}))
    filler = Path(__file__).parent / "optuna_board.py"
    subprocess.run([venv / "bin/python", filler, trials, folder / "optuna.db"], check=True)
    with (
        _board(venv, folder / "optuna.db") as address,
        visit(browser, f"{address}/dashboard/studies/1", patience=_PEER_SECONDS) as seen,
    ):
        took, memory = seen.patiently(_plotted, _PEER_SECONDS)
        name = "until its curves are seen" if took is not None else "given up after"
        outcome.figure(f"optuna-dashboard: {name}", "s", [_PEER_SECONDS if took is None else took])
        outcome.figure("optuna-dashboard: transferred", "kB", [seen.bytes / 1000])
        outcome.figure("optuna-dashboard: renderer's memory", "MB", [memory])
        if took is not None:
            outcome.figure("optuna-dashboard: longest task", "ms", [seen.longest_task_ms()])


def _plotted(page: Page) -> bool:
    """Whether the picture of intermediate values is there: as many lines as there are trials with a curve."""
    return bool(page.evaluate("document.querySelectorAll('.scatterlayer .trace').length > 1000"))


@contextmanager
def _board(venv: Path, database: Path) -> Iterator[str]:
    port = free_port()
    program = [str(venv / "bin/optuna-dashboard"), f"sqlite:///{database}", "--port", str(port), "--host", "127.0.0.1"]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            _answers(address)
            yield address
        finally:
            process.terminate()


def _answers(address: str) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            urllib.request.urlopen(f"{address}/dashboard/", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    raise SystemExit("optuna-dashboard does not answer")


if __name__ == "__main__":
    bars.main(run, options=options)
