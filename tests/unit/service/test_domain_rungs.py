"""At which steps a scheduler may have something to say."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from service.domain.rungs import may_decide
from service.wire.scheduler import AnyScheduler

SCHEDULER: TypeAdapter[AnyScheduler] = TypeAdapter(AnyScheduler)


def deciding(scheduler: Any, steps: list[int]) -> list[int]:
    """Those of the reported steps at which it may decide."""
    read = SCHEDULER.validate_python(scheduler)
    before = [None, *steps[:-1]]
    return [step for earlier, step in zip(before, steps, strict=True) if may_decide(read, earlier, step)]


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        ("none", []),
        ("auto", [1, 4, 16]),
        ("asha", [1, 4, 16]),
        ({"type": "asha", "min_resource": 2, "reduction_factor": 3}, [2, 6, 18]),
        ({"type": "hyperband", "max_resource": 9, "reduction_factor": 3}, [1, 3, 9]),
        ("median", list(range(1, 21))),
        ({"type": "median", "warmup_steps": 5, "interval_steps": 4}, [5, 9, 13, 17]),
        ({"type": "percentile", "percentile": 25, "interval_steps": 7}, [1, 7, 14]),
        ({"type": "threshold", "upper": 1, "warmup_steps": 18}, [18, 19, 20]),
        ({"type": "patient", "patience": 3}, list(range(1, 21))),
        ("wilcoxon", list(range(1, 21))),
    ],
)
def test_decisions_fall_at_rungs_and_intervals(scheduler: Any, expected: list[int]) -> None:
    assert deciding(scheduler, list(range(1, 21))) == expected


def test_a_rung_that_was_jumped_over_is_decided_at_the_next_step() -> None:
    assert deciding("asha", [3, 5, 6, 40, 41]) == [3, 5, 40]
    assert deciding({"type": "median", "interval_steps": 10}, [7, 23, 24, 31]) == [7, 23, 31]
