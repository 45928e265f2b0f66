"""What a server has of this package, each made when it is first used: Optuna and what it needs take long to load.

A server is ready without, and has them loaded when it has been ready for a while.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from service.domain.study import Study
from service.late import Late
from service.usecases.analysis.analyst import Analyst
from service.wire.problem import FieldError
from service.wire.study import StudyDefinition

if TYPE_CHECKING:
    from service.search.remote.divided import DividedEngine

Refusals = Callable[[StudyDefinition], Sequence[FieldError]]


class Parts:
    """The engine, the analyst, and what is refused of a study."""

    def __init__(self, *, keep_trials: int) -> None:
        self._keep_trials = keep_trials
        self.engine = Late(self._engine)
        self.analyst = Late(_analyst)
        self.refusals = Late(_refusals)

    def load(self) -> None:
        """Make all of them, whoever has not been needed yet; takes tenths of a second."""
        for part in (self.engine, self.analyst, self.refusals):
            part.get()

    def make_ready(self, studies: Sequence[Study]) -> None:
        """Start the processes that these studies will need."""
        for study in studies:
            self.engine.get().make_ready(study.definition, study.next_number)

    def load_for(self, definition: StudyDefinition) -> None:
        """Load what the first suggestions of a new study need."""
        self.engine.get().load(definition)

    def close(self) -> None:
        """End the processes of the engine, if it has been made."""
        if self.engine.made is not None:
            self.engine.made.close()

    def _engine(self) -> "DividedEngine":
        from service.search.engine import OptunaEngine  # here and below: see the first line
        from service.search.remote.divided import DividedEngine
        from service.search.remote.engine import RemoteEngine

        keep = self._keep_trials
        return DividedEngine(
            OptunaEngine(keep_trials=keep), RemoteEngine(keep_trials=keep), RemoteEngine(keep_trials=keep)
        )


def _analyst() -> Analyst:
    from service.search.analysis.optuna_analyst import OptunaAnalyst

    return OptunaAnalyst()


def _refusals() -> Refusals:
    from service.search.refusals import refusals

    return refusals
