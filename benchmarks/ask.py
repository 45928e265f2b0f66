"""How long somebody who asks for a trial waits, whatever the sampler and however far the study has come.

16 askers each ask, train for a while, report once and complete, again and again. They train so long that one of them
asks every PACE times the time that Optuna's own `study.ask` takes with the same trials: less and no sampler could keep
up, whoever calls it. The claim's wait is told beside the time that Optuna takes to ask, and how stale the suggestions
are: how many results were known when a trial was claimed that its suggestion did not know. Where there is time for it a
cell is asked three times, and the middle one of the three p99s counts: a stall of the machine lasts for many claims.
Each time from nothing is in a study of its own: the next would begin with results, and Optuna's time was taken without.

Then the wait of a report with its verdict in a study of 10,000 trials with 50 points each, and what these cost of the
server's memory.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import uvloop
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, TPESampler

from benchmarks import bars, prefill, processes
from benchmarks.bars import Outcome
from benchmarks.talk import Talk
from service.store.opening import open_store
from service.usecases import studies
from tests.acceptance.server_process import ServerProcess

ASKERS = 16
PACE = 6.0
LEAST_PACE = 0.05
POINTS = 50
ROUNDS = 3
Waits = tuple[list[float], list[float]]
"""The waits of all reports, and of those at rungs."""
_LONGEST_CELL = 120.0
_LONGEST_PEER = 15.0
_LOOK_SECONDS = 0.2
_SLOW = {"tpe": 10_000, "gp": 1_000, "cmaes": 10_000}
SAMPLERS: dict[str, tuple[Callable[[], BaseSampler], tuple[int, ...]]] = {
    "tpe": (lambda: TPESampler(seed=1, multivariate=True), (0, 1_000, 10_000)),
    "gp": (lambda: GPSampler(seed=1), (0, 1_000)),
    "cmaes": (lambda: CmaEsSampler(seed=1), (0, 1_000, 10_000)),
}


@dataclass
class Cell:
    """What the askers of one study saw."""

    waits: list[float] = field(default_factory=list)
    claimed: list[tuple[int, int]] = field(default_factory=list)
    """Numbers of trials, and how many results were known when each was claimed."""
    staleness: list[int] = field(default_factory=list)
    nothing: list[float] = field(default_factory=list)
    ended: int = 0
    """How many results there are when all are done."""


def run(arguments: argparse.Namespace) -> Outcome:
    """Measure the cells of both databases, then the reports."""
    outcome = Outcome(f"{ASKERS} askers, one server process")
    cells = [
        (name, count)
        for name, (_, counts) in SAMPLERS.items()
        for count in counts
        if name in arguments.samplers.split(",") and not (arguments.quick and count >= _SLOW[name])
    ]
    peers = {cell: _peer(outcome, *cell) for cell in cells}
    many = 1_000 if arguments.quick else 10_000
    with tempfile.TemporaryDirectory(prefix="basin-bench-", dir=arguments.folder) as name:
        folder = Path(name)
        with processes.databases(folder) as urls:
            for kind, url in urls.items():
                _fill(url, cells, many)
                # They train for minutes where a sampler takes seconds, and nobody renews their leases.
                with ServerProcess(url, folder, log_level="warning", lease_ttl_seconds="3600") as server:
                    processes.settle(server.pid)
                    _reports(outcome, kind, server, many)
                    for cell in cells:
                        _cell(outcome, kind, server, cell, peers[cell], 4.0 if arguments.quick else arguments.seconds)
                print(f"{kind}: done", flush=True)
    return outcome


def _fill(url: str, cells: list[tuple[str, int]], many: int) -> None:
    wanted = [
        (prefill.definition(name, sampler=sampler, scheduler="none"), count, 0)
        for sampler, count in cells
        for name in dict.fromkeys(_study(sampler, count, turn) for turn in range(ROUNDS))
    ]
    judged = prefill.definition("judged", sampler="random", scheduler={"type": "asha", "mode": "stop"})
    store = open_store(url)
    try:
        prefill.filled(store, *wanted, (judged, many, POINTS))
        # A server that starts brings active studies to mind, and what this one takes of its memory is to be measured.
        asyncio.run(store.write(lambda tx: studies.pause(tx, "judged", None)))
    finally:
        store.close()


def _peer(outcome: Outcome, sampler: str, count: int) -> float:
    """The seconds that Optuna's own `study.ask` takes with the same trials in memory and ASKERS under way."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    took: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(sampler=SAMPLERS[sampler][0]())
        study.add_trials([*prefill.peers(count, 0), *prefill.peers_at_work(ASKERS)])
        begin = time.perf_counter()
        # From nothing, to where the askers will come: what a sampler takes grows with what it knows.
        while len(took) < 3 or (len(took) < 3 * ASKERS and time.perf_counter() - begin < _LONGEST_PEER):
            asked = time.perf_counter()
            trial = study.ask(prefill.DISTRIBUTIONS)
            took.append(time.perf_counter() - asked)
            study.tell(trial, prefill.loss(trial.params))
    last = statistics.median(took[-5:])
    outcome.figure(f"Optuna, {sampler}, {count:,} trials: ask", "ms", [last * 1e3])
    print(f"Optuna, {sampler}, {count:,}: {last * 1e3:.3g} ms", flush=True)
    return last


def _cell(
    outcome: Outcome, kind: str, server: ServerProcess, cell: tuple[str, int], peer: float, seconds: float
) -> None:
    sampler, count = cell
    pace = max(LEAST_PACE, PACE * peer)
    # A sampler that thinks for seconds gets fewer askers, and not the day.
    claims = max(int(seconds / pace), min(ASKERS + 8, int(_LONGEST_CELL / pace)), 4)
    rounds: list[Cell] = []
    for turn in range(ROUNDS if claims * pace <= seconds else 1):
        ended = rounds[-1].ended if rounds and count else count
        rounds.append(uvloop.run(_ask(server.port, _study(sampler, count, turn), ended, pace, claims)))
    name = f"{kind}, {sampler}, {count:,} trials"
    waits = [seen.waits for seen in rounds]
    outcome.figure(f"{name}: claim p50", "ms", _milliseconds(waits, 50))
    outcome.figure(f"{name}: claims, one each", "s", [pace])
    nothing = [seen.nothing for seen in rounds]
    outcome.figure(f"{name}: an answer that needs nothing p99", "ms", _milliseconds(nothing, 99))
    late = outcome.figure(f"{name}: claim p99", "ms", _milliseconds(waits, 99))
    staleness = [statistics.median(seen.staleness) for seen in rounds]
    told = ", ".join(f"{one:.3g}" for one in late.rounds)
    print(f"{name}: a claim each {pace:.3g} s, p99 {told} ms, {staleness} behind", flush=True)
    outcome.bar(f"{name}: claim p99 of {claims}", late.median, at_most=15, unit="ms")
    outcome.bar(f"{name}: results it did not know", statistics.median(staleness), at_most=1, unit="median")


def _study(sampler: str, count: int, turn: int) -> str:
    return f"{sampler}-{count}" if count else f"{sampler}-from-nothing-{turn}"


def _milliseconds(rounds: Sequence[Sequence[float]], percent: float) -> list[float]:
    return [bars.percentile(one, percent) * 1e3 for one in rounds]


async def _ask(port: int, study: str, ended: int, pace: float, claims: int) -> Cell:
    """Let the askers go. Each begins with a given trial, so that they are apart from one another from the start."""
    seen, left, results = Cell(), [claims], [ended]
    chance = random.Random(1)
    path = f"/v1/studies/{study}"
    askers = min(ASKERS, claims)
    talks = [await Talk.to(port) for _ in range(askers)]
    point = next(prefill.pasts(1, 0)).params
    for _ in range(askers):
        await talks[0].post(f"{path}/trials", {"params": point})
    firsts = (await talks[0].post(f"{path}:ask", {"worker": "bench", "max_trials": askers}))["leases"]

    async def asker(place: int) -> None:
        talk, lease = talks[place], firsts[place]
        train = pace * (place + 1)
        while True:
            await asyncio.sleep(train)
            await _finish(talk, path, lease)
            results[0] += 1
            if left[0] <= 0:
                return
            left[0] -= 1
            known, begin = results[0], time.perf_counter()
            lease = await _claim(talk, path)
            seen.waits.append(time.perf_counter() - begin)
            seen.claimed.append((lease["trial"], known))
            train = pace * askers * chance.uniform(0.8, 1.2)

    async def bystander() -> None:
        talk = await Talk.to(port)
        while True:
            begin = time.perf_counter()
            await talk.get("/healthz")
            seen.nothing.append(time.perf_counter() - begin)
            await asyncio.sleep(_LOOK_SECONDS)

    beside = asyncio.create_task(bystander())
    await asyncio.gather(*map(asker, range(askers)))
    beside.cancel()
    for number, known in seen.claimed:
        told = await talks[0].get(f"{path}/trials/{number}")
        if told["suggestion"] is not None:
            seen.staleness.append(max(0, known - told["suggestion"]["ended"]))
    seen.ended = results[0]
    for talk in talks:
        talk.close()
    return seen


async def _claim(talk: Talk, path: str) -> Any:
    leases: list[Any] = []
    while not leases:
        leases = (await talk.post(f"{path}:ask", {"worker": "bench", "wait_seconds": 30}))["leases"]
    return leases[0]


async def _finish(talk: Talk, path: str, lease: Any) -> None:
    attempt = f"{path}/trials/{lease['trial']}/attempts/{lease['attempt']}"
    value = prefill.loss(lease["params"])
    points = [{"step": 1, "metrics": {"loss": value}}]
    await talk.post(f"{attempt}:report", {"token": lease["token"], "first_seq": 1, "points": points})
    body = {"token": lease["token"], "outcome": "completed", "values": {"loss": value}}
    await talk.post(f"{attempt}:complete", body)


def _reports(outcome: Outcome, kind: str, server: ServerProcess, many: int) -> None:
    """Reports in the study of many trials, of which the server knows nothing before the first."""
    uvloop.run(_warm(server.port))
    before = processes.memory(server.pid)
    uvloop.run(_resume(server.port, "judged"))
    uvloop.run(_report(server.port, 1, 1))
    grown = (processes.memory(server.pid) - before) / many / 1024
    outcome.bar(f"{kind}: memory of a trial with {POINTS} points", grown, at_most=6, unit="KB")
    for reporters in (1, 4):
        rounds = [uvloop.run(_report(server.port, reporters, 1_000 // POINTS)) for _ in range(ROUNDS)]
        name = f"{kind}, {many:,} trials x {POINTS} points, {reporters} reporting"
        every, judged = zip(*rounds, strict=True)
        outcome.figure(f"{name}: report p50", "ms", _milliseconds(every, 50))
        outcome.figure(f"{name}: at rungs p50", "ms", _milliseconds(judged, 50))
        outcome.figure(f"{name}: at rungs p99", "ms", _milliseconds(judged, 99))
        late = outcome.figure(f"{name}: report p99", "ms", _milliseconds(every, 99))
        outcome.bar(f"{name}: report p99", late.median, at_most=10, unit="ms")


async def _warm(port: int) -> None:
    """A small study of the same kind: what is loaded for it is not what many trials cost."""
    talk = await Talk.to(port)
    fields = {"sampler": {"type": "random"}, "scheduler": {"type": "asha", "mode": "stop"}}
    study = prefill.definition("warm", **fields).model_dump(mode="json", exclude_unset=True)
    await talk.post("/v1/studies", study)
    await _reporter(talk, "/v1/studies/warm", 1, [], [])
    talk.close()


async def _resume(port: int, study: str) -> None:
    talk = await Talk.to(port)
    await talk.post(f"/v1/studies/{study}:resume", {})
    talk.close()


async def _report(port: int, reporters: int, trials: int) -> Waits:
    every: list[float] = []
    judged: list[float] = []
    talks = [await Talk.to(port) for _ in range(reporters)]
    reporting: list[Coroutine[Any, Any, None]] = [
        _reporter(talk, "/v1/studies/judged", trials, every, judged) for talk in talks
    ]
    await asyncio.gather(*reporting)
    for talk in talks:
        talk.close()
    return every, judged


async def _reporter(talk: Talk, path: str, trials: int, every: list[float], judged: list[float]) -> None:
    """Report whole curves, each point by itself. The trials are given: nobody makes suggestions meanwhile."""
    point = next(prefill.pasts(1, 0)).params
    for _ in range(trials):
        for _ in range(3):
            # More than a suggester would keep in the queue.
            await talk.post(f"{path}/trials", {"params": point})
        lease = await _claim(talk, path)
        attempt = f"{path}/trials/{lease['trial']}/attempts/{lease['attempt']}"
        for step in range(1, POINTS + 1):
            points = [{"step": step, "metrics": {"loss": 1 / step}}]
            begin = time.perf_counter()
            await talk.post(f"{attempt}:report", {"token": lease["token"], "first_seq": step, "points": points})
            every.append(time.perf_counter() - begin)
            if step in prefill.RUNGS:
                judged.append(every[-1])
        await talk.post(f"{attempt}:complete", {"token": lease["token"], "outcome": "completed"})


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, help="where SQLite's file is put: the disk that is measured")
    parser.add_argument("--samplers", default=",".join(SAMPLERS), help="which ones (all of them)")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each cell is asked, if its pace allows")


if __name__ == "__main__":
    bars.main(run, options=_options)
