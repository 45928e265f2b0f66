"""The GPUs of a machine, by a management library that answers as NVIDIA's does."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.wire.worker import GpuUse
from worker.machine import Gpus, chosen, cores
from worker.problems import WorkerProblem

UUIDS = ("GPU-aa11", "GPU-ab22", "GPU-cc33")


class Nvml:
    """NVIDIA's library for a machine with three GPUs, of which the last tells no temperature."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    def __init__(self, *, driver: bool = True) -> None:
        self._driver = driver

    def nvmlInit(self) -> None:
        if not self._driver:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:
        return len(UUIDS)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes) -> int:
        return 0

    def nvmlDeviceGetUUID(self, handle: int) -> bytes:
        return UUIDS[handle].encode()

    def nvmlDeviceGetName(self, handle: int) -> str:
        return "NVIDIA H100 80GB HBM3"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        return SimpleNamespace(total=80 * 2**30, used=2**30)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        return SimpleNamespace(gpu=37)

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        if handle == 2:
            raise self.NVMLError("Not Supported")
        return 61


def found(visible: str | None) -> list[str]:
    environ = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    return [gpu.uuid for gpu in Gpus.here(environ, lambda _: Nvml()).all()]


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        (None, list(UUIDS)),
        ("2,0", ["GPU-cc33", "GPU-aa11"]),
        ("GPU-ab", ["GPU-ab22"]),
        ("0,7,1", ["GPU-aa11"]),
        ("MIG-1234", ["MIG-1234"]),
        ("", []),
        ("NoDevFiles", []),
    ],
)
def test_what_the_environment_lets_us_see(visible: str | None, uuids: list[str]) -> None:
    assert found(visible) == uuids


def test_models_memory_and_how_they_fare() -> None:
    gpus = Gpus.here({}, lambda _: Nvml())
    assert (gpus.all()[0].model, gpus.all()[0].memory_bytes) == ("NVIDIA H100 80GB HBM3", 80 * 2**30)
    assert gpus.use()[0] == GpuUse(uuid="GPU-aa11", utilisation=0.37, memory_used_bytes=2**30, temperature=61.0)
    assert gpus.use()[2].temperature is None


def test_which_of_them_are_chosen() -> None:
    gpus = Gpus.here({}, lambda _: Nvml())
    assert len(chosen(gpus, "all")) == len(chosen(gpus, None)) == 3
    assert [gpu.uuid for gpu in chosen(gpus, "2,GPU-aa")] == ["GPU-cc33", "GPU-aa11"]
    assert chosen(gpus, "none") == ()
    with pytest.raises(WorkerProblem, match="--gpus 3: there is no such GPU") as caught:
        chosen(gpus, "3")
    assert "0 (NVIDIA H100" in (caught.value.hint or "")


def absent(_: str) -> Any:
    raise ImportError


@pytest.mark.parametrize(
    ("gpus", "why"),
    [
        (Gpus.here({}, absent), "nvidia-ml-py is not installed"),
        (Gpus.here({}, lambda _: Nvml(driver=False)), "the NVIDIA driver does not answer (Driver Not Loaded)"),
        (Gpus.here({"CUDA_VISIBLE_DEVICES": ""}, lambda _: Nvml()), "CUDA_VISIBLE_DEVICES is ''"),
    ],
)
def test_none_where_one_is_demanded(gpus: Gpus, why: str) -> None:
    assert chosen(gpus, None) == ()
    assert gpus.use() == ()
    with pytest.raises(WorkerProblem, match="--gpus all: no GPU was found") as caught:
        chosen(gpus, "all")
    assert why in str(caught.value)


def test_cores() -> None:
    assert cores() >= 1
