"""The sampler of `auto` where trials are cut short: it asks the curve model for the end of training.

Nothing that was observed is left out: what a paused, pruned or running trial has shown counts for as much training as
it had. One suggestion in ten is drawn without any model.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from service.search.pool.candidates import choice
from service.search.pool.knowledge import SHAPE, Knowledge


class CurveSampler(BaseSampler):
    """Chooses all parameters together; `otherwise` draws while there is too little to learn from."""

    def __init__(
        self, know: Callable[[Study], Knowledge], otherwise: BaseSampler, seed: int, *, explores: bool
    ) -> None:
        self._know = know
        self._otherwise = otherwise
        self._seed = seed
        self._explores = explores

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All parameters that have more than one value, whether or not they take part in each trial."""
        known = self._know(study)
        if self._explores or not known.enough:
            return self._otherwise.infer_relative_search_space(study, trial)
        dimensions = known.cube.layout.dimensions.values()
        return {one.name: one.distribution for one in dimensions if not one.distribution.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The point of which the most is expected."""
        known = self._know(study)
        if self._explores or not known.enough or not search_space:
            return self._otherwise.sample_relative(study, trial, search_space)
        place = choice(known, np.random.default_rng(self._seed))
        study._storage.set_study_system_attr(study._study_id, SHAPE, known.stored())
        point = known.cube.layout.inward(known.cube.point(place))
        return {name: value for name, value in point.items() if name in search_space}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A parameter that was not chosen with the others."""
        return self._otherwise.sample_independent(study, trial, param_name, param_distribution)
