"""A comparison of trials: which are asked for, and in what they differ."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from service.dashboard.pages.analysis import asked_numbers, best_of, differences
from service.domain.trial import Trial
from service.wire.objective import Objective


def trial(number: int, params: dict[str, Any], loss: float | None = None) -> Trial:
    values = None if loss is None else {"loss": loss}
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Trial(study_id=1, number=number, origin="sampled", params=params, values=values, created_at=moment)


@pytest.mark.parametrize(
    ("text", "numbers", "wrong"),
    [
        ("", [], None),
        ("3,17", [3, 17], None),
        (" #3 , 17 3", [3, 17], None),
        ("3,x", [3], "'x' is no number of a trial: write them as 3,17,42."),
        ("-1", [], "'-1' is no number of a trial: write them as 3,17,42."),
        ("²", [], "'²' is no number of a trial: write them as 3,17,42."),
        ("9" * 16, [], f"'{'9' * 16}' is no number of a trial: write them as 3,17,42."),
        (",".join(map(str, range(13))), list(range(12)), "More than 12 cannot be told apart: the first 12 are shown."),
    ],
)
def test_which_trials_are_asked_for(text: str, numbers: list[int], wrong: str | None) -> None:
    assert asked_numbers(text) == (numbers, wrong)


def test_equal_rows_are_folded() -> None:
    trials = [
        trial(0, {"lr": 0.1, "on": True, "opt": "sgd"}),
        trial(1, {"lr": 0.2, "on": 1, "opt": "sgd", "beta": 0.9}),
    ]
    differing, alike = differences(trials)
    assert differing == [("lr", [0.1, 0.2]), ("on", [True, 1]), ("beta", [None, 0.9])]
    assert alike == [("opt", "sgd")]


@pytest.mark.parametrize(("direction", "best"), [("minimize", 1), ("maximize", 2)])
def test_the_best_of_those_compared(direction: Any, best: int) -> None:
    objective = Objective(metric="loss", direction=direction)
    losses = (None, 0.25, 0.75, math.nan)
    trials = [trial(number, {}, loss) for number, loss in enumerate(losses)]
    assert best_of(objective, trials) == best
    assert best_of(objective, trials[:2]) is None, "there is nothing to be better than"
