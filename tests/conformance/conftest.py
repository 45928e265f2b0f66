"""What the conformance suites of the engine share."""

from collections.abc import Iterator
from typing import Any

import pytest
from optuna.samplers import GPSampler

# How long a Gaussian process looks for the best point of what it has worked out.
_SHORT = {
    "_n_preliminary_samples": 256,
    "_n_local_search": 3,
    "_n_qmc_samples_qei": 16,
    "_n_qmc_samples_ehvi": 16,
}


@pytest.fixture(scope="module")
def short_searches() -> Iterator[None]:
    """Gaussian processes look for a shorter time, ours and Optuna's alike: what they are given is what is compared."""
    begin = GPSampler.__init__

    def begun(self: GPSampler, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        for name, count in _SHORT.items():
            assert getattr(self, name) > count, name
            setattr(self, name, count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GPSampler, "__init__", begun)
        yield
