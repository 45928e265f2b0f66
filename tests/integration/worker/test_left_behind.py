"""Processes of attempts are ended for certain: nothing of them is left behind, whoever is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.integration.worker.running import Running, Told, is_there, until, written
from tests.patience import PATIENCE
from worker.messages import Command, Message, Reported
from worker.process import Process, Processes

ROOT = Path(__file__).parents[3]

# One in the group, one that has left it, and one that has lost its parent as well.
_WITH_FAMILY = """
    import os, subprocess, sys, time

    def train(trial):
        ours = subprocess.Popen(["sleep", "600"]).pid
        away = subprocess.Popen(["sleep", "600"], start_new_session=True).pid
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if (orphan := os.fork()) == 0:
                time.sleep(600)
            os.write(writing, str(orphan).encode())
            os._exit(0)
        orphan = int(os.read(reading, 20))
        trial.report(1, {"me": os.getpid(), "ours": ours, "away": away, "orphan": orphan})
        %s
"""


def _family(told: Message) -> list[int]:
    assert isinstance(told, Reported)
    return [int(pid) for pid in told.metrics.values()]


def _members(told: Told) -> list[int]:
    (point,) = (one for one in told.messages if isinstance(one, Reported))
    return _family(point)


@pytest.mark.parametrize("how", ["time.sleep(600)", "return 1.0", "os._exit(3)", "os.kill(os.getpid(), 9)"])
def test_nothing_that_a_trial_started_outlives_it(bare: Running, folder: Path, how: str) -> None:
    async def kill(process: Process, message: Message) -> None:
        if isinstance(message, Reported) and "sleep" in how:
            assert all(map(is_there, _family(message)))
            await process.end(term=0)

    told = bare.run(written(folder, _WITH_FAMILY % how), act=kill)
    assert len(_members(told)) == 4
    assert not any(map(is_there, _members(told)))
    if "sleep" in how:
        assert (told.ended.failure_class, told.ended.message) == ("crash", "the process was killed by its worker")


def test_a_killed_zygote_takes_its_forks_with_it_and_is_replaced(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "attempts").mkdir()
    running = Running(tmp_path / "attempts")
    spec = written(folder, _WITH_FAMILY % "time.sleep(600)")

    async def kill(process: Process, message: Message) -> None:
        if isinstance(message, Reported):
            os.kill(int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)

    told = running.run(spec, act=kill)
    assert told.ended.failure_class == "infra"
    # What had left the group and lost its parent is nobody's any more; all the others are gone.
    *others, orphan = _members(told)
    until(lambda: not any(is_there(pid) for pid in others if pid != _members(told)[2]))
    for pid in (orphan, _members(told)[2]):
        if is_there(pid):
            os.kill(pid, signal.SIGKILL)
    again = running.run(written(folder, "def train(trial):\n    return 1.0\n", "simple.py"))
    assert again.ended.outcome == "completed"
    running.close()


def test_a_killed_worker_leaves_no_process_behind(folder: Path) -> None:
    spec = written(folder, _WITH_FAMILY % "time.sleep(600)")
    agent = f"""
        import asyncio, os
        from pathlib import Path
        from worker.launch import Launch
        from worker.messages import Reported, Task
        from worker.process import Processes

        async def main():
            processes = Processes(Path({str(folder / "zygote.log")!r}), os.environ)
            task = Task(study="s", trial=0, attempt=1, trainer="t", params={{}}, seed=1, metric="loss",
                        folder={str(folder)!r})
            process = await processes.start(task, Launch(trainer={spec!r}, environment=os.environ))
            async for message in process.messages():
                if isinstance(message, Reported):
                    print(*(int(pid) for pid in message.metrics.values()), flush=True)

        asyncio.run(main())
    """
    with subprocess.Popen([sys.executable, "-c", dedent(agent)], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        zygote = int(Path(f"/proc/{pids[0]}/stat").read_text().rpartition(")")[2].split()[1])
        assert len(pids) == 4
        assert all(map(is_there, [*pids, zygote]))
        process.kill()
        until(lambda: not any(map(is_there, [*pids, zygote])))


def test_where_a_trial_hangs_is_written_to_its_log_before_it_is_ended(bare: Running, folder: Path) -> None:
    source = """
        import time

        def stuck(trial):
            trial.report(1, 1.0)
            time.sleep(600)

        def train(trial):
            stuck(trial)
    """

    async def end(process: Process, message: Message) -> None:
        if isinstance(message, Reported):
            await process.end(stacks=True, term=PATIENCE)

    told = bare.run(written(folder, source), act=end)
    assert "in stuck" in told.log
    assert "in train" in told.log
    # The exception at SIGTERM ended it: it did not have to be killed.
    assert told.process.exit is not None
    assert told.process.exit.code == 0


def test_a_trainer_may_tidy_up_before_it_is_killed(bare: Running, folder: Path) -> None:
    source = """
        import time

        def train(trial):
            try:
                trial.report(1, 1.0)
                time.sleep(600)
            finally:
                print("tidied up")
    """

    async def end(process: Process, message: Message) -> None:
        if isinstance(message, Reported):
            await process.send(Command(order="preempt", reason="the node goes down"))
            await process.end(term=PATIENCE)
            # A second time it has nothing to do.
            await process.end(term=PATIENCE)

    told = bare.run(written(folder, source), act=end)
    assert told.log == "tidied up\n"
    assert (told.ended.outcome, told.ended.message) == ("preempted", "the node goes down")


def test_a_trainer_that_does_not_end_is_killed(bare: Running, folder: Path) -> None:
    source = """
        import signal, time

        def train(trial):
            for number in (signal.SIGTERM, signal.SIGUSR2):
                signal.signal(number, signal.SIG_IGN)
            trial.report(1, 1.0)
            time.sleep(600)
    """

    async def end(process: Process, message: Message) -> None:
        if isinstance(message, Reported) and message.seq == 1:
            await process.end(term=0.3)

    told = bare.run(written(folder, source), act=end)
    assert told.process.exit is not None
    assert told.process.exit.code == -signal.SIGKILL


def test_processes_ends_what_runs_when_it_closes(tmp_path: Path) -> None:
    (tmp_path / "attempts").mkdir()
    running = Running(tmp_path / "attempts")
    spec = written(tmp_path, _WITH_FAMILY % "time.sleep(600)")

    async def first_point() -> list[int]:
        process = await running.start(spec)
        async for message in process.messages():
            if isinstance(message, Reported):
                return _family(message)
        raise AssertionError

    pids = running.do(first_point())
    assert all(map(is_there, pids))
    assert isinstance(running.processes, Processes)
    running.close()
    assert not any(map(is_there, pids))
