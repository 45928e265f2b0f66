"""Makes a forked process what it would be had it been started by itself: its environment, its threads, its chance."""

import os
import random
import sys
from collections.abc import Mapping

from worker.launch import Launch
from worker.messages import Task


def settle(start: Launch) -> None:
    """Take the slot's environment, folder and number of threads."""
    os.environ.clear()
    os.environ.update(start.environment)
    os.chdir(start.directory)
    sys.path.insert(0, start.directory)
    if not start.command:
        _threads(start.environment)


def _threads(environment: Mapping[str, str]) -> None:
    """The libraries have read the zygote's environment when they were loaded, not this one: they must be told."""
    named = environment.get("OMP_NUM_THREADS", "").partition(",")[0]
    count = int(named) if named.isdigit() and int(named) else len(os.sched_getaffinity(0))
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(count)
    # The zygote has loaded its libraries with one thread each: where one it is to be, milliseconds are saved.
    if count > 1 and "numpy" in sys.modules:
        try:
            from threadpoolctl import threadpool_limits
        except ImportError:
            return
        threadpool_limits(limits=count)


def seed(task: Task) -> None:
    """All forks of one zygote would draw the same, or none of them what the seed says."""
    random.seed(task.seed)  # noqa: TID251
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(task.seed % 2**32)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(task.seed % 2**63)
        if task.memory_fraction is not None and task.device.startswith("cuda"):
            torch.cuda.set_per_process_memory_fraction(task.memory_fraction)
