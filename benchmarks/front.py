"""What a front of three objectives costs at ten thousand trials: how fast it turns, and its report."""

import json
import random
import time
import urllib.request
from typing import Any

from playwright.sync_api import Browser, Page

from benchmarks.bars import Outcome
from benchmarks.browsing import visit

NAME = "three-objectives"
_AT_ONCE = 200
_SECONDS = 3.0
_CHART = 'document.querySelector("[data-module=\\"charts/pareto-space.js\\"]")?.chart'
_TURNED = (
    "async () => { const chart = %s, begin = performance.now(); let turned = 0;"
    " await new Promise((done) => { const turn = () => { chart.turn(0.03, 0.002); turned += 1;"
    " performance.now() - begin < %d ? requestAnimationFrame(turn) : done(); }; requestAnimationFrame(turn); });"
    " return turned / (performance.now() - begin) * 1000; }"
)


def measure(outcome: Outcome, browser: Browser, address: str, count: int, *, rounds: int) -> None:
    """Fill a study, turn its front, write its report."""
    _fill(address, count)
    speeds: list[float] = []
    for _ in range(rounds):
        with visit(browser, f"{address}/studies/{NAME}/analysis") as seen:
            if seen.until(_drawn, 60.0) is None:
                raise SystemExit("the front was not drawn")
            speeds.append(float(seen.page.evaluate(_TURNED % (_CHART, int(_SECONDS * 1000)))))
    turned = outcome.figure("front of three objectives: while it is turned", "pictures/s", speeds)
    outcome.bar("turning the front", turned.median, at_least=30, unit="pictures/s")
    report(outcome, address, NAME)


def _drawn(page: Page) -> Any:
    return page.evaluate(f"{_CHART}?.debug().took")


def report(outcome: Outcome, address: str, name: str) -> None:
    """Write a report: how long it takes and how large it is."""
    begin = time.perf_counter()
    with urllib.request.urlopen(f"{address}/v1/studies/{name}/export?format=html", timeout=300) as answer:
        size = len(answer.read()) / 1e6
    outcome.figure(f"report of {name}: until it is whole", "s", [time.perf_counter() - begin])
    outcome.figure(f"report of {name}: size", "MB", [size])
    outcome.bar(f"report of {name}", size, at_most=5.0, unit="MB")


def _fill(address: str, count: int) -> None:
    chance = random.Random(7)
    objectives = [{"metric": "loss"}, {"metric": "latency"}, {"metric": "accuracy", "direction": "maximize"}]
    space = {
        "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
        "depth": {"type": "int", "low": 1, "high": 24},
    }
    _post(f"{address}/v1/studies", {"name": NAME, "objectives": objectives, "space": space, "sampler": "random"})
    for begin in range(0, count, _AT_ONCE):
        trials = [_trial(chance) for _ in range(begin, min(begin + _AT_ONCE, count))]
        _post(f"{address}/v1/studies/{NAME}/trials:batch", {"trials": trials})


def _trial(chance: random.Random) -> dict[str, Any]:
    depth = chance.randint(1, 24)
    loss, latency = 0.2 + 2 / (depth + 2) + chance.random() * 0.3, 1.5 * depth + chance.random() * 8
    values = {"loss": loss, "latency": latency, "accuracy": 1 - loss / 3 - chance.random() * 0.1}
    return {"params": {"lr": 10 ** chance.uniform(-5, -1), "depth": depth}, "state": "completed", "values": values}


def _post(address: str, body: dict[str, Any]) -> None:
    headers = {"content-type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers), timeout=60).close()
