"""The rows of an export, page by page, each page read at its own moment: a study is never held whole."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from functools import partial

from service.domain.errors import StudyNotFound
from service.domain.query import Place, TrialQuery
from service.domain.study import Study
from service.domain.trial import Point
from service.usecases import reading
from service.usecases.ports import Store
from service.usecases.reading import TrialView

_TRIALS_AT_ONCE = 500
_POINTS_AT_ONCE = 5_000


@dataclass(frozen=True)
class Source:
    """A study that is being exported."""

    store: Store
    study: Study

    async def trials(self) -> AsyncGenerator[Sequence[TrialView], None]:
        """All trials in the order of their numbers."""
        place: Place | None = None
        while True:
            query = TrialQuery(after=place, size=_TRIALS_AT_ONCE)
            of, page = await self.store.read(partial(reading.trial_views, study=self.study.name, query=query))
            if of.id != self.study.id:
                raise StudyNotFound(f"study '{of.name}' was deleted, and another one has its name")
            if page.items:
                yield page.items
            if not page.more:
                return
            place = Place(key=None, number=page.items[-1].trial.number)

    async def points(self, number: int) -> AsyncGenerator[Sequence[Point], None]:
        """The learning curve of a trial."""
        place = (0, 0)
        while True:
            read = partial(reading.curve, study=self.study.name, number=number, after=place, count=_POINTS_AT_ONCE)
            found = await self.store.read(read)
            if found:
                yield found
            if len(found) < _POINTS_AT_ONCE:
                return
            place = (found[-1].key.attempt, found[-1].seq)

    async def all_points(self) -> AsyncGenerator[Sequence[Point], None]:
        """The learning curves of all trials."""
        async for page in self.trials():
            for view in page:
                if view.trial.attempts:
                    async for points in self.points(view.trial.number):
                        yield points
