"""Optuna's own published tests of samplers, on the curve sampler.

They use the sampler in a plain study of Optuna's, whose space shows itself trial by trial. What it would be told by our
server is put together from that study: the layout from the distributions of its trials, the history from what they
came to. The suite for several objectives is left out: the curve sampler is for one, and another is chosen for several.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.testing import pytest_samplers
from optuna.trial import FrozenTrial, TrialState

from service.domain.study import Study
from service.domain.trial import Trial
from service.search.distributions import Layout
from service.search.pool.cube import Cube
from service.search.pool.curves import Sightings
from service.search.pool.knowledge import FEWEST, Knowledge
from service.search.pool.sampler import CurveSampler
from service.usecases.engine import Curve, History
from service.wire import trial as wire
from service.wire.space import AnyParameter, CategoricalParameter, FloatParameter, IntParameter
from service.wire.study import StudyDefinition

NOW = datetime(2026, 5, 17, tzinfo=UTC)
STATES: Mapping[TrialState, wire.TrialState] = {
    TrialState.WAITING: "queued",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "completed",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
PLAIN: Mapping[str, Any] = {"n": {"type": "int", "low": 0, "high": 1}}


class Told(BaseSampler):
    """The curve sampler as Optuna's studies know samplers: in their values, and not in indices of choices.

    `early`: from the first trial on, as if enough had been known.
    """

    def __init__(self, seed: int, *, early: bool) -> None:
        self._early = early
        self._sampler = CurveSampler(self._know, RandomSampler(seed=seed), seed, explores=False)
        self._space: Mapping[str, BaseDistribution] = {}
        self.chosen = 0

    def reseed_rng(self) -> None:
        self._sampler._otherwise.reseed_rng()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        self._space = space_of(study)
        return {name: self._space[name] for name in self._sampler.infer_relative_search_space(study, trial)}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self._space = search_space
        found = self._sampler.sample_relative(study, trial, search_space)
        if not self._know(study).enough:
            return found
        self.chosen += bool(found)
        return {
            name: one.choices[found[name]] if isinstance(one, CategoricalDistribution) else found[name]
            for name, one in search_space.items()
            if name in found
        }

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def _know(self, study: optuna.Study) -> Knowledge:
        return knowledge(study, self._space or space_of(study), early=self._early)


class Early(Knowledge):
    """Knowledge that is enough as soon as there is any."""

    @property
    def enough(self) -> bool:
        return bool(self.newest)


def space_of(study: optuna.Study) -> dict[str, BaseDistribution]:
    """The parameters that trials have had, each with its newest distribution."""
    return {
        name: one for trial in study.get_trials(deepcopy=False) for name, one in sorted(trial.distributions.items())
    }


def parameter(distribution: BaseDistribution) -> AnyParameter:
    """A distribution as one of our parameters; a categorical one by the indices of its choices."""
    match distribution:
        case FloatDistribution(low=low, high=high, log=log, step=step):
            return FloatParameter.model_construct(type="float", low=low, high=high, log=log, step=step)
        case IntDistribution(low=low, high=high, log=log, step=step):
            return IntParameter.model_construct(type="int", low=low, high=high, log=log, step=step)
        case CategoricalDistribution(choices=choices):
            return CategoricalParameter(type="categorical", choices=tuple(range(len(choices))))
        case _:
            raise TypeError(distribution)


def knowledge(study: optuna.Study, space: Mapping[str, BaseDistribution], *, early: bool) -> Knowledge:
    """What our server would know of a study."""
    direction: Literal["minimize", "maximize"] = (
        "maximize" if study.direction == StudyDirection.MAXIMIZE else "minimize"
    )
    definition = StudyDefinition.model_validate(
        {"name": "suite", "objectives": [{"metric": "loss", "direction": direction}], "space": PLAIN, "seed": 1}
    )
    layout = Layout({name: parameter(one) for name, one in space.items()})
    trials, curves = {}, {}
    for one in study.get_trials(deepcopy=False):
        trials[one.number] = converted(one, space)
        curves[one.number] = curve(one)
    of = Study(id=1, definition=definition, seq=len(trials), created_at=NOW, updated_at=NOW)
    kind = Early if early else Knowledge
    return kind(Sightings(Cube(layout), definition.objectives[0]), History(of, trials, curves), len(trials))


def converted(one: FrozenTrial, space: Mapping[str, BaseDistribution]) -> Trial:
    """A trial as our server has it. What another trial's range does not hold is not known of this one."""
    params = {
        name: space[name].to_internal_repr(value) if isinstance(space[name], CategoricalDistribution) else value
        for name, value in one.params.items()
        if name in space and space[name]._contains(one.distributions[name].to_internal_repr(value))
    }
    params = {
        name: int(value) if isinstance(space[name], CategoricalDistribution) else value
        for name, value in params.items()
    }
    return Trial(
        study_id=1,
        number=one.number,
        origin="sampled",
        params=params,
        state=STATES[one.state],
        values={"loss": one.value} if one.state is TrialState.COMPLETE and one.value is not None else None,
        created_at=NOW,
    )


def curve(one: FrozenTrial) -> Curve:
    """A trial's curve: one point, if it reported none."""
    made = Curve()
    for step, value in sorted(one.intermediate_values.items()):
        made.add(step, value)
    if not made and one.state is TrialState.COMPLETE and one.value is not None:
        made.add(1, one.value)
    return made


@pytest.fixture(params=[False, True], ids=["as it is", "from the first trial on"])
def sampler(request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
    """Makes samplers, as the suites ask for."""
    return lambda: Told(seed=7, early=request.param)


class TestBasicSampler(pytest_samplers.BasicSamplerTestCase):
    """What every sampler must do."""

    @pytest.fixture
    def sampler(self, sampler: Callable[[], BaseSampler]) -> Callable[[], BaseSampler]:
        return sampler


class TestRelativeSampler(pytest_samplers.RelativeSamplerTestCase):
    """What a sampler must do that draws parameters together."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        # While little is known it is another's turn, which draws each parameter by itself.
        return lambda: Told(seed=7, early=True)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_in_such_a_study_it_learns(direction: Literal["minimize", "maximize"]) -> None:
    """The suites would pass with points drawn at random: this one tells that they are not."""
    made = Told(seed=7, early=False)
    study = optuna.create_study(direction=direction, sampler=made)
    sign = 1 if direction == "minimize" else -1

    def objective(trial: optuna.Trial) -> float:
        x, kind = trial.suggest_float("x", 0, 1), trial.suggest_categorical("kind", ["a", "b", "c"])
        return sign * ((x - 0.3) ** 2 + (kind != "b"))

    study.optimize(objective, n_trials=50)
    assert made.chosen == 50 - FEWEST
    late = [trial for trial in study.trials[30:] if trial.params["kind"] == "b" and abs(trial.params["x"] - 0.3) < 0.1]
    assert len(late) >= 8, "at random there are 1.3 of 20"
