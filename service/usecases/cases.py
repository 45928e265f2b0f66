"""The cases that a judge thinks of: those of one study that come together are read and thought of together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from service.domain.errors import NotFound
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.engine import Curve, History, judged
from service.usecases.mirrors import Mirrors, curve
from service.usecases.ports import Store, Transaction

T = TypeVar("T")
Run = Callable[[Callable[[], T]], Awaitable[T]]


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
    think: Callable[[Case], Any]
    thought: "asyncio.Future[Any]"


class Cases:
    """Reads cases, and thinks of them in another thread.

    Reports are answered in crowds, so they come in crowds: one look, and one way to that thread and back, serves all
    who come meanwhile.
    """

    def __init__(self, store: Store, mirrors: Mirrors, run: Run[Any]) -> None:
        self._store = store
        self._mirrors = mirrors
        self._run = run
        self._waiting: dict[str, list[_Wanted]] = {}
        self._looks: dict[str, asyncio.Task[None]] = {}

    async def think(self, study: str, number: int, known: Curve | None, think: Callable[[Case], T]) -> T:
        """What is thought of the case of a trial whose curve may be known, as of a moment behind this call."""
        wanted = _Wanted(number, known, think, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(study, []).append(wanted)
        if study not in self._looks:
            self._looks[study] = asyncio.create_task(self._look(study), name=f"basin-look-{study}")
        thought: T = await wanted.thought
        return thought

    async def _look(self, study: str) -> None:
        """Read until nobody waits."""
        try:
            while together := self._waiting.pop(study, None):
                try:
                    cases = await self._store.read(partial(self._read, study=study, together=together))
                    thoughts = await self._run(partial(_thoughts, together, cases))
                except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer of all who wait for it
                    thoughts = [error] * len(together)
                for wanted, thought in zip(together, thoughts, strict=True):
                    _answer(wanted.thought, thought)
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


def _thoughts(together: Sequence[_Wanted], cases: Sequence[Case | Exception]) -> Sequence[Any]:
    return [_thought(wanted, case) for wanted, case in zip(together, cases, strict=True)]


def _thought(wanted: _Wanted, case: Case | Exception) -> Any:
    if isinstance(case, Exception):
        return case
    try:
        return wanted.think(case)
    except Exception as error:  # noqa: BLE001  # it is the answer of the one whose case it is, and of no other
        return error


def _answer(waiting: "asyncio.Future[Any]", thought: Any) -> None:
    if waiting.done():
        return
    if isinstance(thought, Exception):
        waiting.set_exception(thought)
    else:
        waiting.set_result(thought)
