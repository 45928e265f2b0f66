"""The cases that a judge thinks of: all that wait for a look at the same study are read together."""

import asyncio
from dataclasses import dataclass
from functools import partial

from service.domain.errors import NotFound
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.engine import Curve, History, judged
from service.usecases.mirrors import Mirrors, curve
from service.usecases.ports import Store, Transaction


@dataclass(frozen=True, slots=True)
class Case:
    """A running trial as its judge sees it."""

    history: History
    trial: Trial
    curve: Curve


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    number: int
    known: Curve | None
    found: "asyncio.Future[Case]"


class Cases:
    """Reads cases. Reports are answered in crowds, so they come in crowds: one read serves those who come meanwhile."""

    def __init__(self, store: Store, mirrors: Mirrors) -> None:
        self._store = store
        self._mirrors = mirrors
        self._waiting: dict[str, list[_Wanted]] = {}
        self._looks: dict[str, asyncio.Task[None]] = {}

    async def of(self, study: str, number: int, known: Curve | None) -> Case:
        """The case of a trial whose curve may be known, as of a moment behind this call."""
        wanted = _Wanted(number, known, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(study, []).append(wanted)
        if study not in self._looks:
            self._looks[study] = asyncio.create_task(self._look(study), name=f"basin-look-{study}")
        return await wanted.found

    async def _look(self, study: str) -> None:
        """Read until nobody waits."""
        try:
            while together := self._waiting.pop(study, None):
                try:
                    found = await self._store.read(partial(self._read, study=study, together=together))
                except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer of all who wait for it
                    found = [error] * len(together)
                for wanted, case in zip(together, found, strict=True):
                    _answer(wanted.found, case)
        finally:
            del self._looks[study]

    def _read(self, tx: Transaction, study: str, together: list[_Wanted]) -> list[Case | Exception]:
        found = tx.studies.get(study)
        history = self._mirrors.of(tx, found).history(tx, found)
        return [_case(tx, found, history, wanted) for wanted in together]


def _case(tx: Transaction, study: Study, history: History, wanted: _Wanted) -> Case | Exception:
    number, known = wanted.number, wanted.known
    if known is None:
        known = curve(tx.points.curves(study.id, [number], judged(study.definition)).get(number, ()))
    try:
        # Reruns are no part of the history.
        return Case(history, history.trials.get(number) or tx.trials.get(study.id, number), known)
    except NotFound as missing:
        return missing


def _answer(waiting: "asyncio.Future[Case]", case: Case | Exception) -> None:
    if waiting.done():
        return
    if isinstance(case, Exception):
        waiting.set_exception(case)
    else:
        waiting.set_result(case)
