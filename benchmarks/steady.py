"""A trainer of equal steps: each computes for some milliseconds, is reported or not, and is timed by itself."""

import time
from typing import Any

AIM = 0.005
"""The seconds that a step is to take."""


def compute(rounds: int) -> float:
    """One step, in plain Python: it holds the interpreter's lock, so any other thread is in its way."""
    value = 0.0
    for _ in range(rounds):
        value = value * 0.999 + 1.0
    return value


def calibrated() -> int:
    """So many rounds take as long as a step is to take, on this machine at its best."""
    rounds = 100_000
    took = []
    for _ in range(20):
        begin = time.perf_counter()
        compute(rounds)
        took.append(time.perf_counter() - begin)
    return int(rounds * AIM / min(took))


def train(trial: Any) -> None:
    """One trial. Its last report tells what the loop took, what of it the reports took, and the longest step."""
    steps, rounds, reports = (int(trial.params[name]) for name in ("steps", "rounds", "reports"))
    spent = longest = 0.0
    cpu, begin = time.process_time(), time.perf_counter()
    last = begin
    for step in range(1, steps + 1):
        compute(rounds)
        done = time.perf_counter()
        if reports:
            trial.report(step, loss=1 / step)
        now = time.perf_counter()
        spent += now - done
        longest = max(longest, now - last)
        last = now
    used, wall = time.process_time() - cpu, time.perf_counter() - begin
    told = {"loss": 0.0, "cpu": used, "wall": wall, "spent": spent, "longest": longest}
    trial.report(steps + 1, told)
