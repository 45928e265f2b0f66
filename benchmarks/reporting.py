"""What it costs a training to report every step, and that it does not notice when the server is away.

Trials of 200 steps of 5 ms, with a report after each step and without any, take turns on one worker; what their loops
took is compared pair by pair. Then a long trial goes on while the server is killed, is away for a minute and comes
back: the points that the server has afterwards are counted, and the longest step is told.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import bars, steady
from benchmarks.bars import Outcome
from benchmarks.talk import Talk
from tests.acceptance.server_process import ServerProcess
from tests.acceptance.worker_process import WorkerProcess, worker

STEPS = 200
PAIRS = 20
AWAY = 60.0
_BEFORE, _AFTER = 1_000, 2_000
_PATIENCE = 120.0
_NUMBER: Mapping[str, Any] = {"type": "int", "low": 0, "high": 10**9}
_TRAINER = f"{Path(steady.__file__).resolve()}:train"


def run(arguments: argparse.Namespace) -> Outcome:
    """Measure the pairs, then the outage, each with a server and a worker of its own."""
    pairs, away = (5, 10.0) if arguments.quick else (PAIRS, AWAY)
    rounds = steady.calibrated()
    outcome = Outcome(f"a report after each step of {steady.AIM * 1e3:g} ms")
    for part, scene in (("pairs", _pairs(outcome, rounds, pairs)), ("outage", _outage(outcome, rounds, away))):
        with tempfile.TemporaryDirectory(prefix="basin-bench-", dir=arguments.folder) as name:
            folder = Path(name)
            with ServerProcess(f"sqlite:///{folder}/basin.db", folder, log_level="warning") as server:
                asyncio.run(scene(server, folder))
        print(f"{part}: done", flush=True)
    return outcome


def _pairs(outcome: Outcome, rounds: int, pairs: int) -> Any:
    async def scene(server: ServerProcess, folder: Path) -> None:
        talk = await Talk.to(server.port)
        await talk.post("/v1/studies", _definition("pairs", 2 * pairs + 2))
        for turn in range(pairs + 1):
            # Whichever comes first may find the machine in another mood: they take turns at that too.
            for reports in (turn % 2, 1 - turn % 2):
                await _add(talk, "pairs", STEPS, rounds, reports)
        async with worker(folder, *_given(server, 2 * pairs + 2)) as process:
            assert await process.ended(_PATIENCE + pairs * 10) == 0, process.said
        told: dict[int, list[dict[str, float]]] = {0: [], 1: []}
        for number in range(2 * pairs + 2):
            points = await _points(talk, "pairs", number)
            told[int(len(points) > 1)].append(points[-1]["metrics"])
        talk.close()
        del told[0][0], told[1][0]  # the first pair warms caches up
        _compare(outcome, told[0], told[1])

    return scene


def _compare(outcome: Outcome, without: list[dict[str, float]], reported: list[dict[str, float]]) -> None:
    for what in ("wall", "cpu"):
        outcome.figure(f"{what} of a step without reports", "ms", [one[what] / STEPS * 1e3 for one in without])
        outcome.figure(f"{what} of a step with its report", "ms", [one[what] / STEPS * 1e3 for one in reported])
    inside = outcome.figure("time within report", "us", [one["spent"] / STEPS * 1e6 for one in reported])
    for what in ("wall", "cpu"):
        more = [(ours[what] / theirs[what] - 1) * 100 for theirs, ours in zip(without, reported, strict=True)]
        figure = outcome.figure(f"{what}: more with reports, pair by pair", "%", more)
        outcome.bar(f"overhead of reporting, {what}", figure.median, at_most=1, unit="%")
    share = inside.median / 1e6 / statistics.median(one["wall"] / STEPS for one in without) * 100
    outcome.bar("time within report, of a step", share, at_most=1, unit="%")


def _outage(outcome: Outcome, rounds: int, away: float) -> Any:
    async def scene(server: ServerProcess, folder: Path) -> None:
        steps = _BEFORE + int(away / steady.AIM) + _AFTER
        talk = await Talk.to(server.port)
        await talk.post("/v1/studies", _definition("outage", 1))
        await _add(talk, "outage", steps, rounds, 1)
        async with worker(folder, *_given(server, 1)) as process:
            await _come_to(talk, _BEFORE, process)
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(away)
            await asyncio.to_thread(server.start)
            assert await process.ended(_PATIENCE + steps * steady.AIM) == 0, process.said
            print("".join(line for line in process.said.splitlines(keepends=True) if "the server" in line), flush=True)
        await talk.connect()
        points = await _points(talk, "outage", 0)
        attempts = (await talk.get("/v1/studies/outage/trials/0/attempts"))["attempts"]
        talk.close()
        seen = Counter(point["step"] for point in points)
        last = points[-1]["metrics"]
        outcome.figure("server away: a step", "ms", [last["wall"] / steps * 1e3])
        outcome.figure("server away: time within report", "us", [last["spent"] / steps * 1e6])
        name = f"server away for {away:g} s"
        outcome.bar(f"{name}: points lost", steps + 1 - len(seen), at_most=0)
        outcome.bar(f"{name}: points doubled", seen.total() - len(seen), at_most=0)
        outcome.bar(f"{name}: given out again", len(attempts) - 1, at_most=0, unit="times")
        over = (last["longest"] - steady.AIM) * 1e3
        outcome.bar(f"{name}: longest step of {steps:,}, over its {steady.AIM * 1e3:g} ms", over, at_most=50, unit="ms")

    return scene


async def _come_to(talk: Talk, step: int, process: WorkerProcess) -> None:
    """Wait until the server has the points up to a step."""
    try:
        async with asyncio.timeout(_PATIENCE):
            while True:
                attempts = (await talk.get("/v1/studies/outage/trials/0/attempts"))["attempts"]
                if attempts and (attempts[0].get("last_step") or 0) >= step:
                    return
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(process.said) from None


async def _add(talk: Talk, study: str, steps: int, rounds: int, reports: int) -> None:
    params = {"steps": steps, "rounds": rounds, "reports": reports}
    await talk.post(f"/v1/studies/{study}/trials", {"params": params})


async def _points(talk: Talk, study: str, number: int) -> list[dict[str, Any]]:
    """The whole curve, page by page."""
    path = f"/v1/studies/{study}/trials/{number}/reports?page_size=1000"
    page = await talk.get(path)
    points: list[dict[str, Any]] = page["points"]
    while page["next_page_token"] is not None:
        page = await talk.get(f"{path}&page_token={page['next_page_token']}")
        points += page["points"]
    return points


def _definition(study: str, trials: int) -> dict[str, Any]:
    return {
        "name": study,
        "objectives": [{"metric": "loss"}],
        "space": dict.fromkeys(("steps", "rounds", "reports"), _NUMBER),
        "sampler": "random",
        "scheduler": "none",
        "budget": {"max_trials": trials},
    }


def _given(server: ServerProcess, trials: int) -> list[str]:
    return ["--server", server.address, "--trainer", _TRAINER, "--slots", "1", "--max-trials", str(trials)]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, help="where database and spool are put: the disk that is measured")


if __name__ == "__main__":
    bars.main(run, options=_options)
