"""What the kernel does for us: processes that end with their parent, orphans that come back to us, no core files."""

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CUDA_NOT_INITIALIZED = 3


def die_with(parent: int) -> None:
    """Be killed when the thread that forked this process ends, which is the zygote's only one."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It ended before that was said.
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of whatever descends from this process and has lost its own."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def interrupt(pid: int, number: int) -> None:
    """Signal the main thread of a process. What is sent to the process may go to another, and leave this one asleep."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        failed = libc.tgkill(pid, pid, number)
    except AttributeError:
        # A C library of before 2020.
        os.kill(pid, number)
        return
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def no_core_files() -> None:
    """A crash of a large process must not fill the disk."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def children() -> set[int]:
    """The processes whose parent this one is, ended ones too; empty where the kernel does not tell."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found.update(map(int, (task / "children").read_text().split()))
    return found


def threads() -> int:
    """How many threads this process has, those of libraries too."""
    return len(os.listdir("/proc/self/task"))


def cuda_is_initialised() -> bool:
    """Whether the CUDA driver runs in this process: a fork would then inherit a broken one."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return bool(driver.cuDeviceGetCount(ctypes.byref(ctypes.c_int())) != _CUDA_NOT_INITIALIZED)


def killed_for_memory(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """How many processes of this control group the kernel has killed for want of memory; 0 where it does not tell."""
    with contextlib.suppress(OSError, ValueError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                return _counted(root / path.lstrip("/") / "memory.events")
            if "memory" in controllers.split(","):
                return _counted(root / "memory" / path.lstrip("/") / "memory.oom_control")
    return 0


def _counted(file: Path) -> int:
    words = dict(line.split(maxsplit=1) for line in file.read_text().splitlines())
    return int(words.get("oom_kill", 0))


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
