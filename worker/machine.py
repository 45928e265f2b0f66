"""The machine a worker runs on: its cores and GPUs, and how these fare. Works without any GPU library."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psutil

from service.wire.worker import Gpu, GpuUse
from worker.problems import WorkerProblem


def cores() -> int:
    """The cores that this process may use."""
    with suppress(AttributeError, psutil.Error):
        return max(1, len(psutil.Process().cpu_affinity()))
    return max(1, psutil.cpu_count() or 1)


class Gpus:
    """NVIDIA's GPUs, by its management library; none where that is missing. It never touches CUDA itself."""

    def __init__(self, nvml: Any, visible: str | None = None) -> None:
        self._nvml = nvml
        self._visible = visible
        self._handles: dict[str, Any] = {}
        self.why_none = "the library nvidia-ml-py is not installed (pip install 'basin[gpu]')" if nvml is None else ""

    @classmethod
    def here(cls, environ: Mapping[str, str], load: Callable[[str], Any] = importlib.import_module) -> "Gpus":
        """The GPUs of this machine that the environment lets us see (CUDA_VISIBLE_DEVICES: Slurm sets it)."""
        visible = environ.get("CUDA_VISIBLE_DEVICES")
        try:
            nvml = load("pynvml")
        except ImportError:
            return cls(None, visible)
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            none = cls(None, visible)
            none.why_none = f"the NVIDIA driver does not answer ({error})"
            return none
        return cls(nvml, visible)

    def all(self) -> tuple[Gpu, ...]:
        """Every GPU that may be used, in the order of the bus."""
        if self._nvml is None:
            return ()
        found = tuple(self._found())
        if not found:
            hidden = f" (CUDA_VISIBLE_DEVICES is '{self._visible}')" if self._visible is not None else ""
            self.why_none = f"the NVIDIA driver shows none{hidden}"
        return found

    def use(self) -> tuple[GpuUse, ...]:
        """How the GPUs fare; what cannot be measured is left out."""
        return tuple(self._use(uuid, handle) for uuid, handle in self._handles.items())

    def _found(self) -> Iterator[Gpu]:
        nvml = self._nvml
        every = []
        for index in range(nvml.nvmlDeviceGetCount()):
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            every.append((_text(nvml.nvmlDeviceGetUUID(handle)), handle))
        for uuid, handle in every if self._visible is None else self._seen(every, self._visible):
            self._handles[uuid] = handle
            memory = self._asked(nvml.nvmlDeviceGetMemoryInfo, handle)
            model = self._asked(nvml.nvmlDeviceGetName, handle)
            yield Gpu(
                uuid=uuid, model=_text(model or "")[:200], memory_bytes=0 if memory is None else int(memory.total)
            )

    def _seen(self, every: Sequence[tuple[str, Any]], visible: str) -> Iterator[tuple[str, Any]]:
        """As CUDA reads the variable: numbers, or beginnings of a uuid; what comes behind an unknown one is unseen."""
        for part in (part.strip() for part in visible.split(",")):
            if part.isdigit() and int(part) < len(every):
                yield every[int(part)]
            elif part.startswith("MIG-"):
                yield part, self._asked(self._nvml.nvmlDeviceGetHandleByUUID, part.encode())
            elif part and (match := [one for one in every if one[0].startswith(part)]):
                yield match[0]
            else:
                return

    def _use(self, uuid: str, handle: Any) -> GpuUse:
        nvml = self._nvml
        rates = self._asked(nvml.nvmlDeviceGetUtilizationRates, handle)
        memory = self._asked(nvml.nvmlDeviceGetMemoryInfo, handle)
        warmth = self._asked(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU)
        return GpuUse(
            uuid=uuid,
            utilisation=None if rates is None else rates.gpu / 100,
            memory_used_bytes=None if memory is None else int(memory.used),
            temperature=None if warmth is None else float(warmth),
        )

    def _asked(self, ask: Callable[..., Any], *what: Any) -> Any:
        """What the library answers; None where this GPU does not tell it."""
        try:
            return ask(*what)
        except self._nvml.NVMLError:
            return None


def chosen(gpus: Gpus, wanted: str | None) -> tuple[Gpu, ...]:
    """The GPUs that were asked for: 'all', 'none', numbers such as '0,2', or uuids; None takes what there is."""
    if wanted == "none":
        return ()
    every = gpus.all()
    if wanted is None:
        return every
    if not every:
        raise WorkerProblem(
            f"--gpus {wanted}: no GPU was found: {gpus.why_none}",
            hint="Leave --gpus out to take what there is, or say --gpus none to train on the CPU.",
        )
    if wanted == "all":
        return every
    return tuple(_one(every, part.strip()) for part in wanted.split(","))


def _one(every: Sequence[Gpu], part: str) -> Gpu:
    if part.isdigit() and int(part) < len(every):
        return every[int(part)]
    if part and (match := [gpu for gpu in every if gpu.uuid.startswith(part)]):
        return match[0]
    known = ", ".join(f"{number} ({gpu.model or gpu.uuid})" for number, gpu in enumerate(every))
    raise WorkerProblem(f"--gpus {part}: there is no such GPU", hint=f"There are: {known}")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
