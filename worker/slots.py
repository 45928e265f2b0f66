"""The slots of a worker: how many trials it runs at once, and on which GPU each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.wire.worker import Gpu


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one trial. `share` is the part of a GPU that it may use."""

    number: int
    gpu: Gpu | None = None
    share: float = 1.0
    threads: int | None = None

    @property
    def device(self) -> str:
        """What a trainer is told: within its process the GPU of the slot is the only one."""
        return "cpu" if self.gpu is None else "cuda"

    @property
    def name(self) -> str:
        """What people are shown."""
        return f"{self.number}" if self.gpu is None else f"{self.number} {self.gpu.model or self.gpu.uuid}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What the process on this slot finds in its environment."""
        visible = "" if self.gpu is None else self.gpu.uuid
        threads = {} if self.threads is None else {"OMP_NUM_THREADS": f"{self.threads}"}
        return {"CUDA_VISIBLE_DEVICES": visible, "CUDA_DEVICE_ORDER": "PCI_BUS_ID", **threads}

    @property
    def memory_fraction(self) -> float | None:
        """How much of the GPU's memory it may take: a little stays free for what each process needs besides."""
        return None if self.gpu is None or self.share == 1.0 else 0.95 * self.share


def on_gpus(gpus: Sequence[Gpu], per_gpu: int) -> tuple[Slot, ...]:
    """So many slots on each GPU, one GPU after the other, so that a few trials spread over all."""
    places = [gpu for _ in range(per_gpu) for gpu in gpus]
    return tuple(Slot(number, gpu, 1.0 / per_gpu) for number, gpu in enumerate(places))


def on_cpus(count: int, cores: int) -> tuple[Slot, ...]:
    """Slots without a GPU; several of them share the cores, and a trial must not take them all."""
    threads = None if count == 1 else max(1, cores // count)
    return tuple(Slot(number, threads=threads) for number in range(count))
