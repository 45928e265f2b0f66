"""Advice for a study: each hint where it is due, with its figures, and none where it is not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.domain.trial import Trial
from service.usecases.analysis.advice import Told, advise
from service.wire.analysis import Hint
from service.wire.trial import Failure

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAN = Failure.model_validate({"class": "nan"})


def trial(number: int, rate: float = 0.01, state: Any = "completed", **fields: Any) -> Trial:
    params = {"learning_rate": rate, **fields.pop("params", {})}
    return Trial(study_id=1, number=number, state=state, origin="sampled", params=params, created_at=NOW, **fields)


def hints(best: list[Told], *others: Trial) -> list[Hint]:
    trials = {one.number: one for one in [*(told.trial for told in best), *others]}
    return list(advise("s", 4, trials, best).hints)


def well(count: int, *flags: str, **figures: float) -> list[Told]:
    """Trials that tell these figures."""
    told = {"dead": 0.05, "mislabelled": 0.01, "gap": 0.3, **figures}
    metrics = {f"health.{name}": value for name, value in told.items()}
    return [
        Told(trial(number), {**metrics, **{f"health.flag.{flag}": 1.0 for flag in flags}}) for number in range(count)
    ]


def test_trials_that_are_well_need_no_advice() -> None:
    found = advise("s", 4, {one.trial.number: one.trial for one in well(10)}, well(10))
    assert (found.hints, found.reason) == ((), "Nothing stands out in the health of the 10 best trials.")


def test_nothing_is_said_of_what_is_not_told() -> None:
    assert advise("s", 4, {}, []).reason == "The study has no trials yet."
    silent = [Told(trial(number), {"loss": 1.0}) for number in range(5)]
    assert advise("s", 4, {one.trial.number: one.trial for one in silent}, silent).reason == (
        "0 of the 5 best trials tell of their health: it takes 3 to advise."
    )
    assert hints(well(2, "memorised", dead=0.9, mislabelled=0.5)) == []


def test_dead_units() -> None:
    (hint,) = hints(well(4, dead=0.34))
    assert hint.topic == "dead_units"
    assert hint.text.startswith("In the 4 best trials that have ReLU, 34% of a layer's units are dead")
    assert (hint.figures, hint.trials) == ({"dead": 0.34}, (0, 1, 2, 3))
    assert hints(well(4, dead=0.2)) == []


def test_wrong_labels_by_the_median() -> None:
    (hint,) = hints([*well(3, mislabelled=0.05)])
    assert hint.topic == "label_noise"
    assert hint.text.startswith("About 5.0% of the labels look wrong (the median of the 3 best trials)")
    assert hints([*well(3, mislabelled=0.02), Told(trial(7), {"health.mislabelled": 0.9})]) == []


def test_samples_that_are_learnt_by_heart_almost_everywhere() -> None:
    (hint,) = hints([*well(4, "memorised", gap=20.0), Told(trial(9), {"health.gap": 1.0})])
    assert hint.topic == "memorised"
    assert hint.text.startswith("4 of the 5 best trials have learnt their samples by heart")
    assert hint.trials == (0, 1, 2, 3)
    few = [*well(3, "memorised", gap=20.0), *(Told(trial(number), {"health.gap": 1.0}) for number in (8, 9))]
    assert hints(few) == []


def beyond(*rates: float, state: str = "infeasible", first: int = 20, **fields: Any) -> list[Trial]:
    failure = {"failure": NAN} if state == "infeasible" else {}
    return [trial(first + place, rate, state, **{**failure, **fields}) for place, rate in enumerate(rates)]


def test_the_border_of_stability() -> None:
    good = beyond(0.012, 0.02, 0.025, 0.03, state="completed", first=40)
    (hint,) = hints(well(3), *beyond(0.015, 0.02, 0.029), *good)
    assert hint.topic == "stability"
    assert hint.text.startswith(
        "The best learning rate is at the border of stability: trial 0 has learning_rate 0.01, and of 9 trials between "
        "that and 3 times as much 3 diverged."
    )
    assert hint.figures == {"rate": 0.01, "near": 9.0, "diverged": 3.0}
    assert hint.trials == (0, 20, 21, 22)


@pytest.mark.parametrize(
    "others",
    [
        beyond(0.1, 0.2, 0.3),
        beyond(0.001, 0.002, 0.003),
        beyond(0.015, 0.02),
        beyond(0.015, 0.02, 0.03, failure=Failure.model_validate({"class": "oom"})),
        beyond(0.015, 0.02, 0.03, params={"optimizer": "sgd"}),
        [*beyond(0.015, 0.02, 0.03), *beyond(*[0.02] * 10, state="pruned", first=40)],
    ],
    ids=["far above", "below", "two", "memory", "another optimizer", "one in five"],
)
def test_no_border_is_seen_where_there_is_none(others: list[Trial]) -> None:
    assert hints(well(3), *others) == []


def test_a_study_without_a_learning_rate_has_no_border() -> None:
    best = [Told(trial(0, params={"learning_rate": "high"}), {})]
    assert hints(best, *beyond(0.015, 0.02, 0.03)) == []
