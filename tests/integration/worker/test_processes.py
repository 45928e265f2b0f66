"""Processes of attempts: what they find around them, what they say, and what happens where none can be made."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.worker.running import Running, until, written
from worker.messages import Ended, Message, Read, Reported, Started
from worker.process import Process, ProcessProblem

ROOT = Path(__file__).parents[3]


def test_a_process_finds_its_slot_and_nothing_of_the_worker(bare: Running, folder: Path) -> None:
    source = """
        import json, os, resource, sys

        def train(trial):
            print(json.dumps({
                "gpu": os.environ["CUDA_VISIBLE_DEVICES"],
                "token": "BASIN_TOKEN" in os.environ or b"BASIN_TOKEN" in open("/proc/self/environ", "rb").read(),
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
    more: dict[str, Any] = {"trial": 7, "horizon": 30, "device": "cuda", "settings": {"data": "digits"}}
    environment = {"CUDA_VISIBLE_DEVICES": "GPU-5"}
    told = bare.run(written(folder, source), {"lr": 0.1}, environment=environment, **more)
    seen = json.loads(told.log)
    assert told.ended.outcome == "completed"
    opened = [one.partition(":")[0] for one in seen.pop("open")]
    assert sorted(opened) == sorted(["socket", "/dev/null", str(told.process.log), str(told.process.log)])
    assert seen == {
        "gpu": "GPU-5",
        "token": False,
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


@pytest.mark.parametrize("count", [1, 3])
def test_each_pool_of_threads_is_as_large_as_the_slot_says(loaded: Running, folder: Path, count: int) -> None:
    source = """
        def train(trial):
            import numpy, torch, threadpoolctl
            pools = {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
            print(pools | {torch.get_num_threads()})
            return 1.0
    """
    told = loaded.run(written(folder, source), environment={"OMP_NUM_THREADS": f"{count}"})
    assert told.log.strip() == f"{{{count}}}"


def test_the_first_step_of_an_optimiser_loads_nothing_more(loaded: Running, folder: Path) -> None:
    source = """
        import sys

        def train(trial):
            import torch
            before = set(sys.modules)
            layer = torch.nn.Linear(8, 1)
            optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
            layer(torch.randn(64, 8)).square().mean().backward()
            optimizer.step()
            print(sorted(set(sys.modules) - before))
            return 1.0
    """
    told = loaded.run(written(folder, source), environment={"OMP_NUM_THREADS": "2"})
    assert told.log.strip() == "[]"


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


def test_who_reports_every_moment_wakes_the_agent_seldom(
    bare: Running, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[float] = []
    read = Process._read

    async def counted(process: Process) -> bytes:
        data = await read(process)
        reads.append(time.monotonic())
        return data

    monkeypatch.setattr(Process, "_read", counted)
    source = """
        import time

        def train(trial):
            for step in range(1, 101):
                trial.report(step, 1.0 / step)
                time.sleep(0.002)
    """
    told = bare.run(written(folder, source))
    assert len(told.points) == 100
    # The first ones tell of the start, the last ones of the end; between them an interval of 50 ms each.
    assert len(reads) <= (reads[-1] - reads[0]) / 0.05 + 6


def test_what_was_reported_is_kept_though_the_process_is_killed_at_once(bare: Running, folder: Path) -> None:
    source = """
        import os
        import signal

        def train(trial):
            for step in range(1, 21):
                trial.report(step, 1.0 / step)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    told = bare.run(written(folder, source))
    assert [step for step, _ in told.points] == list(range(1, 21))
    assert told.ended.outcome == "failed"


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
    source = "import sys\nready = 'torch' in sys.modules\ndef train(trial):\n    return ready\n"
    source += "def later():\n    import torch\n"
    spec = written(tmp_path, source)
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


def test_a_trainer_tells_of_its_data_first_and_begins_only_with_those_of_the_study(bare: Running, folder: Path) -> None:
    source = """
        def train(trial):
            trial.trains_on("ab" * 32)
            trial.report(1, 0.5)
    """
    told = bare.run(written(folder, source), data_fingerprint="ab" * 32)
    assert [type(one) for one in told.messages] == [Started, Read, Reported, Ended]
    refused = bare.run(written(folder, source), data_fingerprint="cd" * 32)
    assert [type(one) for one in refused.messages] == [Started, Ended]
    assert refused.ended.failure_class == "user_error"
    assert "ab" * 32 in refused.ended.message
    assert "cd" * 32 in refused.ended.message
