"""Where there is no GPU the tests of this folder are left out, for one reason."""

import gc
from collections.abc import Iterator

import pytest
import torch

from tests.gpu.driver import Driver, uuid_of_first


@pytest.fixture(autouse=True, scope="session")
def _on_a_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU here: torch sees no CUDA device")


@pytest.fixture
def device() -> torch.device:
    """Where these tests compute."""
    return torch.device("cuda")


@pytest.fixture
def driver() -> Iterator[Driver]:
    """What NVIDIA's driver says of the first GPU. What the tests before have kept is given back to it."""
    gc.collect()
    torch.cuda.empty_cache()
    with Driver(uuid_of_first()) as opened:
        yield opened
