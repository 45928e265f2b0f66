"""Processes of attempts: what they find around them, and that nothing of them is left behind, whoever is killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.integration.worker.running import PATIENCE, Running, Told, is_there, until, written
from worker.messages import Command, Ended, Message, Reported, Started
from worker.process import Process, ProcessProblem, Processes

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


def test_a_process_finds_its_slot_and_nothing_of_the_worker(bare: Running, folder: Path) -> None:
    source = """
        import json, os, resource, sys

        def train(trial):
            print(json.dumps({
                "gpu": os.environ["CUDA_VISIBLE_DEVICES"],
                "token": os.environ.get("BASIN_TOKEN"),
                "alone": os.getpid() == os.getpgid(0) == os.getsid(0),
                "input": sys.stdin.read(),
                "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
                "open": [os.readlink(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd")
                         if os.path.lexists(f"/proc/self/fd/{one}")],
                "here": os.getcwd(),
                "scratch": os.path.isdir(trial.folder),
                "given": [trial.number, trial.study, trial.seed, trial.horizon, trial.device, trial.params],
                "settings": trial.settings,
            }))
            return 1.0
    """
    more = {"trial": 7, "horizon": 30, "device": "cuda", "settings": {"data": "digits"}}
    environment = {"CUDA_VISIBLE_DEVICES": "GPU-5"}
    told = bare.run(written(folder, source), {"lr": 0.1}, environment=environment, **more)
    seen = json.loads(told.log)
    assert told.ended.outcome == "completed"
    opened = [one.partition(":")[0] for one in seen.pop("open")]
    assert sorted(opened) == sorted(["socket", "/dev/null", str(told.process.log), str(told.process.log)])
    assert seen == {
        "gpu": "GPU-5",
        "token": None,
        "alone": True,
        "input": "",
        "core": 0,
        "here": str(bare.folder),
        "scratch": True,
        "given": [7, "s", 1, 30, "cuda", {"lr": 0.1}],
        "settings": {"data": "digits"},
    }


def test_what_is_printed_is_the_log_in_its_order(bare: Running, folder: Path) -> None:
    source = """
        import os, subprocess, sys

        def train(trial):
            print("one")
            sys.stderr.write("two\\n")
            os.write(1, b"three\\n")
            subprocess.run(["echo", "four"], check=True)
            trial.log("five")
            sys.stdout.write("half a line")
            return 1.0
    """
    told = bare.run(written(folder, source))
    assert told.log == "one\ntwo\nthree\nfour\nfive\nhalf a line"
    assert told.process.log_tail() == told.log
    assert told.process.log_tail(16) == "half a line"


def test_the_users_file_is_read_anew_for_each_trial(bare: Running, folder: Path) -> None:
    (folder / "beside.py").write_text("VALUE = 1\n")
    spec = written(folder, "import beside\ndef train(trial):\n    return beside.VALUE\n")
    assert bare.run(spec).ended.values == {"loss": 1.0}
    (folder / "beside.py").write_text("VALUE = 22\n")
    assert bare.run(spec).ended.values == {"loss": 22.0}


def test_chance_hangs_on_the_seed(loaded: Running, folder: Path) -> None:
    source = """
        import random, numpy, torch

        def train(trial):
            trial.report(1, a=random.random(), b=numpy.random.rand(), c=torch.rand(1))
    """
    spec = written(folder, source)
    first, same, other = (loaded.run(spec, seed=seed).points for seed in (1, 1, 2))
    assert first == same
    assert all(first[0][1][name] != other[0][1][name] for name in "abc")


def test_a_fork_finds_torch_loaded_trains_at_once_and_finds_cuda_untouched(loaded: Running, folder: Path) -> None:
    source = """
        import sys
        ready = {"torch", "torch._dynamo", "sklearn.datasets"} <= set(sys.modules)
        import torch
        from worker import isolation

        def train(trial):
            untouched = not torch.cuda.is_initialized() and not isolation.cuda_is_initialised()
            layer = torch.nn.Linear(8, 1)
            optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
            inputs = torch.randn(64, 8)
            for step in range(1, 4):
                loss = (layer(inputs) - 1).square().mean()
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                trial.report(step, loss)
            print(ready, untouched, torch.get_num_threads(), isolation.threads() > 1)
            return loss
    """
    told = loaded.run(written(folder, source), environment={"OMP_NUM_THREADS": "2"})
    assert told.ended.outcome == "completed"
    curve = [metrics["loss"] for _, metrics in told.points]
    assert curve == sorted(curve, reverse=True)
    # Its two threads of our own are there, so the last would be wrong if the zygote's rule held for its forks.
    assert told.log.strip() == "True True 2 True"


def test_a_hundred_thousand_points_in_a_row_arrive_complete_and_in_order(bare: Running, folder: Path) -> None:
    source = """
        def train(trial):
            for step in range(1, 100_001):
                trial.report(step, 1.0 / step)
    """
    told = bare.run(written(folder, source))
    assert told.ended.outcome == "completed"
    assert [one.seq for one in told.messages if isinstance(one, Reported)] == list(range(1, 100_001))
    assert told.points == [(step, {"loss": 1.0 / step}) for step in range(1, 100_001)]


def test_training_goes_on_while_nobody_reads(bare: Running, folder: Path) -> None:
    done = folder / "done"
    source = f"""
        from pathlib import Path

        def train(trial):
            for step in range(1, 30_001):
                trial.report(step, {{"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}})
            Path({str(done)!r}).touch()
    """

    async def unread() -> list[Message]:
        process = await bare.start(written(folder, source))
        # Nothing is taken until the trainer has told it all, which is far more than any pipe holds.
        await asyncio.to_thread(until, done.exists)
        return [message async for message in process.messages()]

    messages = bare.do(unread())
    assert [one.step for one in messages if isinstance(one, Reported)] == list(range(1, 30_001))
    assert isinstance(messages[-1], Ended)
    assert messages[-1].outcome == "completed"


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
            trial.report(1, 1.0)
            try:
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
            while True:
                try:
                    trial.report(1, 1.0)
                    time.sleep(600)
                except BaseException:
                    print("no")
    """

    async def end(process: Process, message: Message) -> None:
        if isinstance(message, Reported) and message.seq == 1:
            await process.end(term=0.3)

    told = bare.run(written(folder, source), act=end)
    assert "no" in told.log
    assert told.process.exit is not None
    assert told.process.exit.code == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_node_saves_the_trial_and_gives_it_back(
    bare: Running, folder: Path, number: signal.Signals
) -> None:
    source = """
        import itertools

        def train(trial):
            trial.on_checkpoint(lambda: {"step": step})
            for step in itertools.count(1):
                trial.report(step, 1.0)
    """

    async def stop(process: Process, message: Message) -> None:
        if isinstance(message, Started):
            os.kill(message.pid, number)

    told = bare.run(written(folder, source), act=stop)
    assert (told.ended.outcome, told.ended.message) == ("preempted", number.name)
    assert told.saved[-1].step == told.points[-1][0]


def test_memory_used_up_is_told_where_the_kernel_counts_it(bare: Running, folder: Path) -> None:
    counted = iter([3, 4])
    source = written(folder, "import os\ndef train(trial):\n    os.kill(os.getpid(), 9)\n")

    async def all_of_it() -> Ended:
        process = await bare.start(source)
        process._kills_before, process._killed_for_memory = next(counted), lambda: next(counted)
        last = [message async for message in process.messages()][-1]
        assert isinstance(last, Ended)
        return last

    ended = bare.do(all_of_it())
    assert (ended.failure_class, ended.outcome) == ("oom", "failed")


def test_a_library_that_starts_threads_is_not_loaded_ahead(tmp_path: Path) -> None:
    (tmp_path / "attempts").mkdir()
    library = tmp_path / "torch"
    library.mkdir()
    (library / "__init__.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    (library / "_dynamo.py").write_text("")
    spec = written(tmp_path, "import sys\nready = 'torch' in sys.modules\ndef train(trial):\n    return ready\n")
    running = Running(tmp_path / "attempts", [spec], PYTHONPATH=str(tmp_path))
    told = running.run(spec)
    assert told.ended.values == {"loss": 0.0}
    assert (
        "nothing is loaded ahead of the trials, for 2 threads run in it" in (running.folder / "zygote.log").read_text()
    )
    running.close()


def test_a_process_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "attempts").mkdir()
    # Threads from the very start: no zygote may fork then.
    (tmp_path / "sitecustomize.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    running = Running(tmp_path / "attempts", PYTHONPATH=str(tmp_path))
    with pytest.raises(ProcessProblem, match=r"ended with status 1 \(more in .*zygote.log\)"):
        running.do(running.start("digits-mlp"))
    assert "2 threads run in it" in (running.folder / "zygote.log").read_text()
    running.close()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def train(trial):\n    return (\n", "line 2: SyntaxError: '(' was never closed"),
        ("import one_that_is_not_there\n", "line 1: ModuleNotFoundError: No module named 'one_that_is_not_there'"),
        ("def train():\n    pass\n", "must take one argument, the trial"),
        ("def other(trial):\n    pass\n", "there is no 'train'; functions there: other"),
        ("train = 3\n", "is a int, and not a function that takes a trial"),
    ],
)
def test_a_trainer_that_cannot_be_used_is_told_with_its_place(
    bare: Running, folder: Path, source: str, message: str
) -> None:
    ended = bare.run(written(folder, source)).ended
    assert (ended.outcome, ended.failure_class) == ("failed", "user_error")
    assert message in ended.message


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
