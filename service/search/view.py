"""A view: what Optuna takes for its storage, for the length of one call. It reads our trials and writes nothing.

The only writes that samplers and pruners make are of system attributes. They are caught here, for us to store them with
our own trial and study in one transaction.
"""
# ruff: noqa: ARG002  # Optuna's signatures

import copy
import threading
from bisect import bisect_left
from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from service.search.columns import Column
from service.search.snapshots import Snapshot, Snapshots, number_of
from service.usecases.engine import History

STUDY_ID = 0
_ALL = frozenset(TrialState)


@dataclass(frozen=True, slots=True)
class Scene:
    """A study at one moment, as its sampler or its pruner sees it. Nothing of it is made before it is looked at.

    `shows` tells trials otherwise than they are, where a sampler is to learn more of them. `or_later`: what is known of
    a later moment may be seen as well.
    """

    name: str
    directions: Sequence[StudyDirection]
    history: History
    snapshots: Snapshots
    lock: threading.Lock
    shows: Callable[[Snapshot], Snapshot] | None = None
    or_later: bool = False

    def snapshot(self) -> Snapshot:
        """The trials."""
        with self.lock:
            found = self.snapshots.of(self.history, or_later=self.or_later)
        return found if self.shows is None else self.shows(found)

    def column(self, step: int) -> Column:
        """What the completed trials had at a step."""
        with self.lock:
            return self.snapshots.column(self.history, step)


class View(BaseStorage):
    """The trials of one moment and the one trial that a call is about, which may be new or in the snapshot too.

    Lists that were handed out do not change: each holds a copy of the own trial as it was then. Successive halving
    counts on it; it lists the trials, writes its rung to its own, and adds its own value to those listed.
    """

    def __init__(self, scene: Scene, own: FrozenTrial) -> None:
        self.scene = scene
        self.own = own
        self.system: dict[str, Any] = {}
        self.study_system: dict[str, Any] = {}
        self._snapshot: Snapshot | None = None

    @property
    def snapshot(self) -> Snapshot:
        """The trials without the own one. Made when it is first asked for: most reports need none."""
        if self._snapshot is None:
            self._snapshot = self.scene.snapshot()
        return self._snapshot

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials, with the own one as it stands, in the order of their numbers."""
        # Whoever asks may take things out of the list, so each gets one of its own.
        wanted = _ALL if states is None else frozenset(cast(Collection[TrialState], states))
        trials = list(self.snapshot.trials if wanted == _ALL else self.snapshot.of(wanted))
        if self.own.state in wanted:
            self._put_own(trials)
        return copy.deepcopy(trials) if deepcopy else trials

    def _put_own(self, trials: list[FrozenTrial]) -> None:
        index = bisect_left(trials, self.own.number, key=number_of)
        taken = index < len(trials) and trials[index].number == self.own.number
        trials[index : index + taken] = [self.own_as_it_is()]

    def own_as_it_is(self) -> FrozenTrial:
        """The own trial, in a copy that stays as it is."""
        own = copy.copy(self.own)
        own.params = dict(own.params)
        own.distributions = dict(own.distributions)
        own.system_attrs = dict(own.system_attrs)
        return own

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """A trial by its id, which is its number."""
        return self.own_as_it_is() if trial_id == self.own.number else self.snapshot.get(trial_id)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Remember something with the own trial; no other can be written to."""
        if trial_id != self.own.number:
            self._refuse()
        self.own.system_attrs[key] = self.system[key] = value

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Remember something with the study."""
        self.study_system[key] = value

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """What has been remembered with the study, now and before."""
        return {**self.scene.history.system, **self.study_system}

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """None: users' attributes are no business of a sampler's."""
        return {}

    def get_study_id_from_name(self, study_name: str) -> int:
        """The only study's id."""
        return STUDY_ID

    def get_study_name_from_id(self, study_id: int) -> str:
        """The only study's name. Hyperband draws a trial's bracket from it."""
        return self.scene.name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Which way is better, for each objective."""
        return list(self.scene.directions)

    def get_all_studies(self) -> list[FrozenStudy]:
        """Refused, as is all that follows: a view shows one study, and changes nothing."""
        return self._refuse()

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        return self._refuse()

    def delete_study(self, study_id: int) -> None:
        self._refuse()

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._refuse()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        return self._refuse()

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        self._refuse()

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        return self._refuse()

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        self._refuse()

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise RuntimeError("a view is for reading")


class ViewStudy(Study):
    """A study over a view. A sampler that wants to stop it has tried every point."""

    def __init__(self, view: View, sampler: BaseSampler, pruner: BasePruner) -> None:
        super().__init__(study_name=view.scene.name, storage=view, sampler=sampler, pruner=pruner)
        self.stopped = False

    def _get_best_trial(self, deepcopy: bool) -> FrozenTrial:
        """The best trial, with its curve: of all others, nobody reads the curves."""
        best = copy.copy(super()._get_best_trial(deepcopy=False))
        curve = cast(View, self._storage).scene.history.curves.get(best.number)
        best.intermediate_values = dict(zip(curve.steps, curve.values, strict=True)) if curve else {}
        return copy.deepcopy(best) if deepcopy else best

    def stop(self) -> None:
        """Take note of it. Optuna's own `stop` raises outside of its loop."""
        self.stopped = True
