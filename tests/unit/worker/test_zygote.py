"""When a zygote may not fork."""

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from worker import isolation, zygote


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "threads", lambda: 1)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: False)))


def _driver(monkeypatch: pytest.MonkeyPatch, answer: int) -> None:
    def load(name: str) -> Any:
        assert name == "libcuda.so.1"
        return SimpleNamespace(cuDeviceGetCount=lambda _: answer)

    monkeypatch.setattr(ctypes, "CDLL", load)


def test_a_driver_that_nobody_has_called_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    _driver(monkeypatch, 3)
    zygote.check()


def test_a_driver_that_runs_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    _driver(monkeypatch, 0)
    with pytest.raises(zygote.Unfit, match="the CUDA driver is initialised"):
        zygote.check()


def test_nor_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "threads", lambda: 2)
    with pytest.raises(zygote.Unfit, match="2 threads run"):
        zygote.check()


def test_nor_is_torch_with_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["torch"].cuda, "is_initialized", lambda: True)
    with pytest.raises(zygote.Unfit, match="torch has initialised CUDA"):
        zygote.check()


def test_what_is_not_installed_is_no_reason_not_to_start() -> None:
    missing = zygote.load(["json", "one_that_is_not_there"])
    assert missing == {"one_that_is_not_there": "ModuleNotFoundError: No module named 'one_that_is_not_there'"}
