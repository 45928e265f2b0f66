"""The analyst: all analyses of this package behind the port of the use cases."""

from collections.abc import Mapping

from service.domain.study import Study
from service.domain.trial import Trial
from service.search.analysis import account, front, importances, origins, replay
from service.usecases.analysis.analyst import Front, Origins, Recording, Shares, Volumes
from service.usecases.engine import History
from service.wire.analysis import Method, Replay, Search
from service.wire.scheduler import AnyScheduler


class OptunaAnalyst:
    """Analyses by Optuna's functions. It keeps nothing between calls."""

    needed = importances.NEEDED

    def missing(self, method: Method) -> str | None:
        """What this server lacks for a method of telling importances."""
        return importances.missing(method)

    def front(self, study: Study, trials: Mapping[int, Trial]) -> Front:
        """The trials that no other beats in all objectives."""
        return front.front(study, trials)

    def volumes(
        self, study: Study, trials: Mapping[int, Trial], found: Front, reference: Mapping[str, float] | None
    ) -> Volumes:
        """The hypervolume of a front."""
        return front.volumes(study, trials, found, reference)

    def importances(self, history: History, method: Method, metric: str | None) -> Shares:
        """Which parameters matter."""
        return importances.importances(history, method, metric)

    def account(self, history: History) -> Search:
        """How a study is searched."""
        return account.account(history)

    def replay(self, recording: Recording, scheduler: AnyScheduler) -> Replay:
        """What another scheduler would have done."""
        return replay.replay(recording, scheduler)

    def origins(self, history: History, trial: Trial) -> Origins:
        """Where a trial's parameters come from."""
        return origins.origins(history, trial)
