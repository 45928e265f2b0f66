"""What `auto` chooses, and says of it."""

from typing import Any

import pytest
from optuna import samplers
from optuna.samplers import BaseSampler

from service.search import auto
from service.search.auto import FULL, STARTUP, WholeSpace, plan
from service.search.desk import Desk
from service.search.pool.sampler import CurveSampler
from service.search.refusals import chooses
from service.search.samplers import CMAES, CURVES, GP, QMC, TPE, SamplerRecord
from service.search.seeds import seeds
from tests.unit.service.search.samples import curve, definition, history, study, trial

NUMBERS: Any = {"x": {"type": "float", "low": 0, "high": 1}, "n": {"type": "int", "low": 1, "high": 9}}
CONDITIONAL: Any = {**NUMBERS, "y": {"type": "int", "low": 1, "high": 2, "when": {"n": 3}}}
OTHER_METRIC: Any = {"type": "threshold", "metric": "gradient_norm", "upper": 9}
UNORDERED: Any = {**NUMBERS, "c": {"type": "categorical", "choices": ["a", "b"]}}


def objectives(count: int) -> list[dict[str, str]]:
    return [{"metric": f"m{place}"} for place in range(count)]


@pytest.mark.parametrize(
    ("fields", "model", "later", "why"),
    [
        ({"space": NUMBERS}, GP, CMAES, "no trial is stopped early"),
        ({"space": NUMBERS, "scheduler": "median"}, CURVES, CURVES, "the scheduler 'median' cuts trials short"),
        ({"space": NUMBERS, "scheduler": "auto"}, CURVES, CURVES, "the scheduler 'auto' cuts trials short"),
        ({"space": CONDITIONAL, "scheduler": "asha"}, CURVES, CURVES, "the scheduler 'asha' cuts trials short"),
        ({"space": UNORDERED, "scheduler": "asha"}, CURVES, CURVES, "the scheduler 'asha' cuts trials short"),
        ({"space": NUMBERS, "scheduler": OTHER_METRIC}, TPE, TPE, "the scheduler 'threshold' stops trials early"),
        ({"space": NUMBERS, "objectives": objectives(2), "scheduler": "asha"}, TPE, TPE, "'asha' stops trials early"),
        ({"space": CONDITIONAL}, TPE, TPE, "'y' does not always take part"),
        ({"space": UNORDERED}, TPE, TPE, "the values of 'c' have no order"),
        ({"space": NUMBERS, "objectives": objectives(2), "scheduler": "auto"}, GP, TPE, "are numbers and always"),
        ({"space": NUMBERS, "objectives": objectives(4)}, TPE, TPE, "there are 4 objectives"),
    ],
)
def test_the_model_fits_the_study(fields: Any, model: SamplerRecord, later: SamplerRecord, why: str) -> None:
    chosen = plan(definition(**fields))
    assert (chosen.model, chosen.later) == (model, later)
    assert why in chosen.why
    assert why in chooses(definition(**fields))


def test_without_torch_there_is_no_gaussian_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "installed", lambda record: record is not GP)
    chosen = plan(definition(space=NUMBERS))
    assert chosen.model is TPE
    assert "not installed" in chosen.why


def test_without_scikit_learn_there_is_no_curve_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("service.search.auto", "service.search.desk"):
        monkeypatch.setattr(f"{module}.installed", lambda record: record is not CURVES)
    chosen = plan(definition(space=NUMBERS, scheduler="auto"))
    assert chosen.model is TPE
    assert "the scheduler 'auto' stops trials early" in chosen.why
    assert isinstance(chosen_after(STARTUP, NUMBERS, scheduler="auto"), samplers.TPESampler)


def chosen_after(count: int, space: Any, number: int = 1, scheduler: Any = "none", **last: Any) -> BaseSampler:
    params = {"x": 0.5, "n": 2}
    trials = [trial(one, params=params) for one in range(count - 1)]
    trials += [trial(count - 1, **{"params": params, **last})] if count else []
    of = study(1, space=space, sampler="auto", scheduler=scheduler)
    known = history(of, trials, {count - 1: curve(1.0)})
    # By the seeds of this study, trial 1 is not one of those that explore.
    return Desk(of).sampler(known, seeds(of, number))


def test_it_begins_with_a_sequence_and_goes_on_with_models() -> None:
    assert isinstance(chosen_after(0, NUMBERS), WholeSpace)
    assert isinstance(chosen_after(STARTUP - 1, NUMBERS), WholeSpace)
    assert isinstance(chosen_after(STARTUP, NUMBERS), samplers.GPSampler)
    assert isinstance(chosen_after(STARTUP, UNORDERED), samplers.TPESampler)
    assert isinstance(chosen_after(FULL - 1, NUMBERS), samplers.GPSampler)
    assert isinstance(chosen_after(FULL, NUMBERS), samplers.CmaEsSampler)
    assert isinstance(chosen_after(FULL, NUMBERS, state="infeasible"), samplers.TPESampler)


def test_trials_that_taught_nothing_do_not_count() -> None:
    assert isinstance(chosen_after(STARTUP, NUMBERS, state="failed"), WholeSpace)
    assert isinstance(chosen_after(STARTUP, NUMBERS, state="running"), WholeSpace)
    assert isinstance(chosen_after(STARTUP, NUMBERS, state="pruned"), samplers.GPSampler)


def test_about_one_in_ten_explores() -> None:
    of = study(1, space=NUMBERS, sampler="auto")
    known = history(of, [trial(one, params={"x": 0.5, "n": 2}) for one in range(STARTUP)])
    desk = Desk(of)
    explores = [isinstance(desk.sampler(known, seeds(of, number)), WholeSpace) for number in range(1000)]
    assert 60 < sum(explores) < 140


def test_where_trials_are_cut_short_all_count_that_have_begun() -> None:
    def explores(count: int, number: int = 1, state: str = "running") -> bool:
        sampler = chosen_after(count, NUMBERS, number, scheduler="asha", state=state)
        assert isinstance(sampler, CurveSampler)
        assert isinstance(sampler._otherwise, WholeSpace)
        return sampler._explores

    assert explores(0)
    assert explores(STARTUP - 1)
    assert not explores(STARTUP)
    assert not explores(STARTUP, state="paused")
    assert not explores(FULL + 1), "the model stays, however many trials there are"
    assert 60 < sum(explores(STARTUP, number) for number in range(1000)) < 140


def test_without_scipy_it_begins_at_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "installed", lambda record: record is not QMC)
    assert isinstance(chosen_after(0, UNORDERED), samplers.RandomSampler)


def test_conditions_are_modelled_in_groups() -> None:
    sampler = chosen_after(STARTUP, CONDITIONAL)
    assert isinstance(sampler, samplers.TPESampler)
    assert sampler._group
