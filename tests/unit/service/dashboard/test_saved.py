"""What the overview says that pruning has saved."""

import re
import time

import pytest

from tests.unit.service.dashboard.conftest import Visit
from tests.unit.service.http.api import POINT, Api


def kpi(api: Api) -> str:
    """The figure as it is read."""
    text = api.call("GET", "/studies/s").text
    (found,) = re.findall(r"Saved by pruning</span>(.*?)</section>", text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


def add(api: Api, state: str, steps: int) -> None:
    points = [{"step": step, "metrics": {"loss": 1.0}, "cost": 36.0 * step} for step in range(1, steps + 1)]
    api.ok("POST", "/v1/studies/s/trials", {"params": POINT, "state": state, "points": points})


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([], "— no trial was cut short"),
        ([("completed", 10)], "— no trial was cut short"),
        ([("pruned", 2)], "— known once a trial has completed"),
        # Of thirty steps sixteen were not taken, at 36 GPU seconds each.
        ([("completed", 10), ("pruned", 2), ("pruned", 2)], "53 % 16 steps · 0.16 GPU h"),
        ([("completed", 10), ("pruned", 10)], "0 % 0 steps · 0 GPU h"),
    ],
)
def test_the_overview_says_what_pruning_saved(visit: Visit, trials: list[tuple[str, int]], told: str) -> None:
    api = visit()
    api.study()
    for state, steps in trials:
        add(api, state, steps)
    assert kpi(api) == told
    counted = api.ok("GET", "/v1/studies/s/rungs")["not_taken"]
    assert told.startswith("—") == (counted is None)


def test_what_is_not_read_yet_is_said_and_comes_by_itself(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    # Reading takes long, and nobody waits for it.
    monkeypatch.setattr("service.usecases.charting._TRIALS_AT_ONCE", 1)
    monkeypatch.setattr("service.usecases.charting._PATIENCE_SECONDS", 0.0)
    api = visit()
    api.study()
    points = [{"step": step, "metrics": {"loss": 1.0}} for step in (1, 2)]
    added = [
        {"params": POINT, "state": state, "points": points[:steps]}
        for state, steps in [("completed", 2), ("pruned", 1)] * 75
    ]
    api.ok("POST", "/v1/studies/s/trials:batch", {"trials": added})
    first = api.call("GET", "/studies/s").text
    # The page is read again by itself where it says so.
    assert re.search(r"data-again>\d+ of 150 trials are read<", first)
    deadline = time.monotonic() + 10
    while "trials are read" in kpi(api):
        assert time.monotonic() < deadline
    assert kpi(api) == "25 % 75 steps"
