"""Two hundred rounds of random faults: every trial ends, each point is there once, and nobody's late word counts."""

import asyncio
import json
import math
import random
import re
import signal
import sys
from collections import Counter
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.acceptance.faults import TTL, Faults
from tests.acceptance.fleet import Fleet, Member, fleet
from tests.conformance.postgres import PostgresServer
from tests.patience import PATIENCE

ROUNDS = 100
TRIALS = 25
NODES = ("one", "two", "three")
SPACE = {
    "rate": {"type": "float", "low": 0.1, "high": 3.0},
    "steps": {"type": "int", "low": 20, "high": 60},
}
# Each value hangs on the one before: whoever goes on from another state than that of the step has another curve.
TRAINER = """
    import math, time

    def train(trial):
        step, x = 0, 1.0
        if trial.resume is not None:
            kept = trial.resume.load()
            step, x = kept["step"], kept["x"]
            assert step == trial.resume.step
        while step < trial.params["steps"]:
            step += 1
            x = math.sin(x * trial.params["rate"] + step)
            time.sleep(0.015)
            trial.report(step, loss=x)
            if step % 5 == 0:
                trial.checkpoint({"step": step, "x": x})
        return x
"""
_SAID = re.compile(r"(\S+) trial (\d+) attempt (\d+)(?:: (\w+)| (was given up))")


def curve(params: dict[str, Any]) -> list[float]:
    """What a trial's curve must be."""
    found, x = [], 1.0
    for step in range(1, params["steps"] + 1):
        x = math.sin(x * params["rate"] + step)
        found.append(x)
    return found


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whatever_fails_every_trial_ends_and_each_point_counts_once(
    request: pytest.FixtureRequest, tmp_path: Path, rng: random.Random, kind: str
) -> None:
    database: PostgresServer | None = None if kind == "sqlite" else request.getfixturevalue("postgres_server")
    url = request.getfixturevalue("sqlite_url") if database is None else database.url()
    (tmp_path / "fast.py").write_text(dedent(TRAINER))
    given = ["--trainer", f"{tmp_path / 'fast.py'}:train", "--slots", "2", "--checkpoint-every", "0.3s"]

    async def run() -> None:
        members = dict.fromkeys(NODES, given)
        # No machine here is ill: they are all killed.
        async with fleet(tmp_path, url, members, database=database, ttl=TTL, drain_bad_machines="false") as all_of_it:
            studies = Studies(all_of_it, rng)
            creating = asyncio.ensure_future(studies.keep_going())
            faults = Faults(all_of_it, rng)
            await all_of_it.until("/v1/studies", lambda all: any(one["trials"]["completed"] for one in all["studies"]))
            for _ in range(ROUNDS):
                await faults.happen()
                assert not creating.done(), creating.exception()
            await faults.over()
            studies.enough = True
            await asyncio.wait_for(creating, PATIENCE)
            told = {key: value for member in all_of_it.members for key, value in said(member).items()}
            ends: Counter[str] = Counter()
            for name in studies.names:
                ends += await Check(all_of_it, name, told).study()
            await leave(all_of_it)
            show(kind, faults, studies, ends)
            assert faults.done.keys() >= {"child killed", "agent killed", "server killed"}
            # Those whose process was killed on every node that could have had them have failed.
            assert ends["trial completed"] > 0.7 * TRIALS * len(studies.names)
            assert ends["attempt lost"], "there were no zombies: the test would prove nothing"

    asyncio.run(run())


class Studies:
    """One study after the other, as long as things go wrong: each of them with its budget."""

    def __init__(self, fleet: Fleet, rng: random.Random) -> None:
        self._fleet = fleet
        self._rng = rng
        self.names: list[str] = []
        self.enough = False

    async def keep_going(self) -> None:
        """Create one whenever the last has come to its end."""
        while not self.enough:
            name = f"study-{len(self.names)}"
            retry = {"max_attempts": 100, "backoff": 0.1, "strikes": 0}
            seed = self._rng.randrange(2**32)
            await self._fleet.create(name, space=SPACE, budget={"max_trials": TRIALS}, retry=retry, seed=seed)
            self.names.append(name)
            await self._fleet.until(f"/v1/studies/{name}", lambda study: study["state"] == "completed")


class Check:
    """Looks whether what stands there of a study is true."""

    def __init__(self, fleet: Fleet, name: str, told: dict[tuple[str, int, int], str]) -> None:
        self._fleet = fleet
        self._name = name
        self._path = f"/v1/studies/{name}"
        self._told = told
        self._ends: Counter[str] = Counter()

    async def study(self) -> Counter[str]:
        """All of its trials; answers how they and their attempts have ended."""
        page = await self._fleet.read(f"{self._path}/trials?page_size=1000")
        assert [trial["number"] for trial in page["trials"]] == list(range(TRIALS)), "the budget is exact"
        for trial in page["trials"]:
            self._ends[f"trial {trial['state']}"] += 1
            await self._attempts(trial)
            await self._points(trial)
        return self._ends

    async def _attempts(self, trial: dict[str, Any]) -> None:
        attempts = (await self._fleet.read(f"{self._path}/trials/{trial['number']}/attempts"))["attempts"]
        which = f"{self._name} trial {trial['number']}: {trial['state']}, {attempts}"
        assert [one["attempt"] for one in attempts] == list(range(1, trial["attempts"] + 1)), which
        assert trial["state"] in {"completed", "failed"}, which
        assert attempts[-1]["state"] == trial["state"], which
        for one in attempts:
            self._ends[f"attempt {one['state']}"] += 1
            assert one["state"] in {"completed", "failed", "lost", "preempted"}, which
            assert one["state"] != "completed" or one is attempts[-1], which
            told = self._told.get((self._name, trial["number"], one["attempt"]))
            if told == "given up":
                assert one["state"] == "lost", f"its worker gave it up: {which}"
            if told == "completed":
                assert one["state"] == "completed", f"its worker was told that it has completed: {which}"

    async def _points(self, trial: dict[str, Any]) -> None:
        found = (await self._fleet.read(f"{self._path}/trials/{trial['number']}/reports?page_size=1000"))["points"]
        wanted = curve(trial["params"])
        which = f"{self._name} trial {trial['number']}, {trial['state']}: {found}"
        for point in found:
            assert point["metrics"]["loss"] == wanted[point["step"] - 1], which
        live = [point for point in found if not point["superseded"]]
        assert [point["step"] for point in live] == list(range(1, len(live) + 1)), which
        assert [one["attempt"] for one in live] == sorted(one["attempt"] for one in live), which
        if trial["state"] == "completed":
            assert len(live) == len(wanted), which
            assert trial["values"]["loss"] == wanted[-1], which


def said(member: Member) -> dict[tuple[str, int, int], str]:
    """The last word of a worker on each attempt: it was given up, or how it has ended."""
    found = {}
    for line in member.process.said.splitlines():
        if line.startswith("{") and (match := _SAID.match(json.loads(line)["text"])):
            found[match[1], int(match[2]), int(match[3])] = "given up" if match[5] else match[4]
    return found


async def leave(fleet: Fleet) -> None:
    """Let all workers go once they have sent what they had: nothing keeps them, nothing is left."""
    for member in fleet.members:
        async with asyncio.timeout(PATIENCE):
            while member.spools:
                await asyncio.sleep(0.05)
    for member in fleet.members:
        member.process.signal(signal.SIGTERM)
    for member in fleet.members:
        assert await member.process.ended() == 0, member.process.said
        assert member.spools == [], member.process.said


def show(kind: str, faults: Faults, studies: Studies, ends: Counter[str]) -> None:
    """Shown by pytest with -s or with a failing test."""
    rows = [f"{faults.done.total()} rounds on {kind}, {len(studies.names)} studies of {TRIALS} trials"]
    rows += [f"{what:<20} {count:>4}" for what, count in sorted((faults.done + ends).items())]
    sys.stdout.write("\n".join(rows) + "\n")
