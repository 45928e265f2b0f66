"""How long a trial takes from its lease to its first training step, beside a bare fork and a fresh Python.

A worker as it is without options (a slot for each core) is given trials one after the other; each is one step of an
optimiser. The time begins when the server grants the lease, and where the agent begins with it; it ends right after the
step, by the clock of the same machine. The peers do the same step: a process that the zygote forks without server and
agent, and a Python that is started for it, as many threads each. The first trial is told apart.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import bars
from benchmarks.bars import Outcome
from benchmarks.talk import Talk
from tests.acceptance.server_process import ServerProcess
from tests.acceptance.worker_process import ROOT, worker
from worker.launch import Launch
from worker.machine import cores
from worker.messages import Reported, Task
from worker.process import Processes
from worker.slots import on_cpus

TRIALS = 40
FRESH = 5
STUDY = "/v1/studies/start"
FILE = Path(__file__).with_name("one_step.py")
TRAINER = f"{FILE}:train"
_DEFINITION: Mapping[str, Any] = {
    "name": "start",
    "objectives": [{"metric": "loss"}],
    "space": {"x": {"type": "float", "low": 0, "high": 1}},
    "sampler": "random",
    "scheduler": "none",
}


def run(arguments: argparse.Namespace) -> Outcome:
    """Measure the worker, the fork and the fresh Python, one after the other."""
    trials = 10 if arguments.quick else TRIALS
    outcome = Outcome(f"from the lease to the first step of training, {trials} trials")
    with tempfile.TemporaryDirectory(prefix="basin-bench-", dir=arguments.folder) as name:
        folder = Path(name)
        with ServerProcess(f"sqlite:///{folder}/basin.db", folder, log_level="warning") as server:
            granted, begun, _ = asyncio.run(leased(server, folder, trials))
        forked = asyncio.run(_forked(folder, trials))
        fresh = [fresh_python() for _ in range(2 if arguments.quick else FRESH)]
    outcome.figure("from the grant, first trial", "ms", granted[:1])
    from_grant = outcome.figure("from the grant", "ms", granted[1:])
    outcome.figure("from the grant p90", "ms", [bars.percentile(granted[1:], 90)])
    outcome.figure("from where the agent begins", "ms", begun[1:])
    outcome.figure("fork alone, no server", "ms", forked[1:])
    outcome.figure("fresh Python", "ms", fresh)
    outcome.bar("lease to first step, median", from_grant.median, at_most=60, unit="ms")
    return outcome


async def leased(
    server: ServerProcess, folder: Path, trials: int, gpus: str = "none"
) -> tuple[list[float], list[float], list[float]]:
    """Trials through server and worker: the milliseconds from the grant, from where the agent begins, and of CUDA's."""
    talk = await Talk.to(server.port)
    await talk.post("/v1/studies", {**_DEFINITION, "budget": {"max_trials": trials, "max_running": 1}})
    given = ["--server", server.address, "--trainer", TRAINER, "--output", "json"]
    async with worker(folder, *given, "--max-trials", str(trials), gpus=gpus) as process:
        assert await process.ended(300) == 0, process.said
        said = [json.loads(line) for line in process.said.splitlines()]
    begins = {one["trial"]: _seconds(one["time"]) for one in said if one["event"] == "begin"}
    granted, begun, began = [], [], []
    for number in sorted(begins):
        (attempt,) = (await talk.get(f"{STUDY}/trials/{number}/attempts"))["attempts"]
        (point,) = (await talk.get(f"{STUDY}/trials/{number}/reports"))["points"]
        done = point["metrics"]["moment"]
        granted.append((done - _seconds(attempt["granted_at"])) * 1e3)
        begun.append((done - begins[number]) * 1e3)
        began.append(point["metrics"]["began"] * 1e3)
    talk.close()
    return granted, begun, began


async def _forked(folder: Path, trials: int) -> list[float]:
    """The process of an attempt alone: the milliseconds from where it is asked for."""
    processes = Processes(folder / "processes.log", os.environ, [TRAINER])
    took = []
    try:
        # One that only looks at the trainer: the zygote is ready once it is answered.
        await processes.check(_launch())
        for number in range(trials):
            place = folder / f"fork-{number}"
            place.mkdir()
            task = Task(
                study="fork",
                trial=number,
                attempt=1,
                trainer="one_step",
                params={},
                seed=number,
                metric="loss",
                folder=str(place),
            )
            asked = time.time_ns() / 1e9
            process = await processes.start(task, _launch())
            said = [one async for one in process.messages()]
            (point,) = [one for one in said if isinstance(one, Reported)]
            took.append((point.metrics["moment"] - asked) * 1e3)
    finally:
        await processes.close()
    return took


def _launch() -> Launch:
    return Launch(trainer=TRAINER, environment=_environment(), directory=str(ROOT))


def _environment(device: str = "cpu") -> dict[str, str]:
    """What a trial finds on a slot of this machine."""
    return {**os.environ, **(on_cpus(cores(), cores())[0].environment if device == "cpu" else {})}


def fresh_python(device: str = "cpu") -> float:
    """A Python that is started for the step: the milliseconds until it is done."""
    asked = time.time_ns() / 1e9
    command = [sys.executable, str(FILE), device]
    done = subprocess.run(command, env=_environment(device), capture_output=True, text=True, check=True)
    return (float(done.stdout) - asked) * 1e3


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, help="where database and spool are put: the disk that is measured")


if __name__ == "__main__":
    bars.main(run, options=_options)
