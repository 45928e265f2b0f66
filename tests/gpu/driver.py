"""What NVIDIA's driver and the kernel say of a GPU: how much of its memory is used, and which processes compute."""

import importlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

pynvml: Any = importlib.import_module("pynvml")
_COMPUTES = "/dev/nvidia-uvm"
"""What every process opens that initialises CUDA, and none that only asks how the GPU fares."""


def uuid_of_first() -> str:
    """The GPU that torch calls cuda:0, by the name that the driver has for it."""
    return f"GPU-{torch.cuda.get_device_properties(0).uuid}"


def computing(pids: Iterable[int]) -> set[int]:
    """Those of these processes that have initialised CUDA."""
    return {pid for pid in pids if _COMPUTES in _opened(pid)}


class Driver:
    """One GPU, as the driver sees it."""

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid

    def __enter__(self) -> Self:
        pynvml.nvmlInit()
        self._handle = pynvml.nvmlDeviceGetHandleByUUID(self.uuid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pynvml.nvmlShutdown()

    @property
    def used(self) -> int:
        """The bytes of its memory that are used, whoever has them."""
        return int(pynvml.nvmlDeviceGetMemoryInfo(self._handle).used)

    @property
    def total(self) -> int:
        """All of its memory."""
        return int(pynvml.nvmlDeviceGetMemoryInfo(self._handle).total)

    @property
    def name(self) -> str:
        """Its model."""
        return str(pynvml.nvmlDeviceGetName(self._handle))

    def processes(self) -> dict[int, int]:
        """The processes that compute on it, and the bytes that each has. Containers may hide their numbers."""
        found = pynvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        return {int(one.pid): int(one.usedGpuMemory or 0) for one in found}


def _opened(pid: int) -> set[str]:
    found = set()
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.add(os.readlink(descriptor))
    return found
