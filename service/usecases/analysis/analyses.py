"""The analyses of one server process: quick ones thought over in a thread, long ones computed beside the requests."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from service.domain.errors import Invalid
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.analysis import best, recording, sentences
from service.usecases.analysis.advice import TOP, Told, advise
from service.usecases.analysis.analyst import Analyst, Front, Shares, Volumes
from service.usecases.analysis.background import Background, Result
from service.usecases.engine import History, judged
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Store, Transaction
from service.wire import analysis as wire
from service.wire.analysis import Method
from service.wire.scheduler import AnyScheduler

T = TypeVar("T")
Run = Callable[[Callable[[], T]], Awaitable[T]]


class Analyses:
    """What may be asked of a study besides what is stored. Nothing of it changes anything."""

    def __init__(self, store: Store, analyst: Analyst, mirrors: Mirrors, run: Run[Any], run_long: Run[Any]) -> None:
        self._store = store
        self._analyst = analyst
        self._mirrors = mirrors
        self._run = run
        self._run_long = run_long
        self._importances: Background[Shares] = Background()
        self._replays: Background[wire.Replay] = Background(keep=16)

    async def close(self) -> None:
        """Give up what is being computed."""
        await self._importances.close()
        await self._replays.close()

    async def best(self, name: str, count: int) -> wire.BestTrials:
        """The best trials: by value, or those of the front where there are several objectives."""
        study, trials = await self._store.read(partial(self._trials, name=name))
        if len(study.definition.objectives) == 1:
            found: wire.BestTrials = await self._run(lambda: best.by_value(study, trials, count))
            return found
        front: Front = await self._run(lambda: self._analyst.front(study, trials))
        return best.by_front(study, trials, front, count)

    async def pareto(self, name: str, count: int, reference: str | None) -> wire.ParetoFront:
        """The front and its hypervolume."""
        study, trials = await self._store.read(partial(self._trials, name=name))
        point = None if reference is None else best.read_reference(study.definition, reference)
        front: Front = await self._run(lambda: self._analyst.front(study, trials))
        if not front.trials:
            return best.front(study, trials, front, None, count, given=point is not None)
        found: Volumes = await self._run(lambda: self._analyst.volumes(study, trials, front, point))
        return best.front(study, trials, front, found, count, given=point is not None)

    async def importances(self, name: str, method: Method, metric: str | None, wait_seconds: float) -> wire.Importances:
        """Which parameters matter: the newest result there is."""
        study = await self._store.read(lambda tx: tx.studies.get(name))
        metric = _metric(study, method, metric)
        if lacking := self._analyst.missing(method):
            raise Invalid.field("method", lacking)

        async def compute() -> Result[Shares]:
            history = await self._store.read(partial(self._history, name=name))
            return Result(
                history.study.seq, await self._run_long(partial(self._analyst.importances, history, method, metric))
            )

        told = await self._importances.newest((study.id, method, metric), study.seq, compute, wait_seconds)
        shares = told.result.value if told.result else Shares(0)
        unknown = told.state == "ready" and shares.reason is not None and not shares.importances
        return wire.Importances(
            study=study.name,
            state="unknown" if unknown else told.state,
            seq=told.result.seq if told.result else None,
            study_seq=study.seq,
            method=method,
            metric=metric,
            trials=shares.trials,
            needed=self._analyst.needed,
            importances=tuple(shares.importances),
            reason=shares.reason,
        )

    async def what_if(self, name: str, scheduler: AnyScheduler, wait_seconds: float) -> wire.WhatIfAnswer:
        """What another scheduler would have done. It must be one that the study could have."""
        study = await self._store.read(lambda tx: tx.studies.get(name))
        metric = judged(study.definition.model_copy(update={"scheduler": scheduler}))

        async def compute() -> Result[wire.Replay]:
            resource = recording.resource(scheduler)
            record = partial(recording.record, mirrors=self._mirrors, name=name, metric=metric, resource=resource)
            made = await self._store.read(record)
            return Result(made.study.seq, await self._run_long(partial(self._analyst.replay, made, scheduler)))

        question = (study.id, scheduler.model_dump_json())
        told = await self._replays.newest(question, study.seq, compute, wait_seconds)
        replay = told.result.value if told.result else None
        empty = replay is not None and not replay.of
        return wire.WhatIfAnswer(
            study=study.name,
            state="unknown" if empty and told.state == "ready" else told.state,
            seq=told.result.seq if told.result else None,
            study_seq=study.seq,
            scheduler=scheduler,
            metric=metric,
            replay=None if empty else replay,
            reason=f"no trial has ended that has a curve of {metric}" if empty else None,
        )

    async def explain(self, name: str, number: int) -> wire.Explanation:
        """Why a trial is what it is."""
        history, trial, decisions = await self._store.read(partial(self._trial, name=name, number=number))
        found = await self._run(lambda: self._analyst.origins(history, trial))
        return wire.Explanation(
            study=history.study.name,
            number=number,
            state=trial.state,
            drawn=found.drawn,
            known=found.known,
            recomputed=found.recomputed,
            outlooks=tuple(found.outlooks),
            neighbours=tuple(found.neighbours),
            decisions=decisions,
            ending=sentences.ending(trial),
        )

    async def search(self, name: str) -> wire.Search:
        """How a study is searched."""
        history = await self._store.read(partial(self._history, name=name))
        found: wire.Search = await self._run(lambda: self._analyst.account(history))
        return found

    async def advice(self, name: str) -> wire.Advice:
        """What the health of its best trials suggests to change in a study."""
        found = await self.best(name, TOP)
        numbers = [one.number for one in found.trials]
        study, trials, told = await self._store.read(partial(self._told, name=name, numbers=numbers))
        answer: wire.Advice = await self._run(lambda: advise(study.name, study.seq, trials, told))
        return answer

    async def study(self, name: str) -> Study:
        """The study itself."""
        return await self._store.read(lambda tx: tx.studies.get(name))

    def _trials(self, tx: Transaction, name: str) -> tuple[Study, Mapping[int, Trial]]:
        study = tx.studies.get(name)
        return study, dict(self._mirrors.of(tx, study).trials)

    def _told(
        self, tx: Transaction, name: str, numbers: Sequence[int]
    ) -> tuple[Study, Mapping[int, Trial], Sequence[Told]]:
        study, trials = self._trials(tx, name)
        newest = tx.attempts.current(study.id, numbers)
        metrics = {number: one.last_metrics or {} for number, one in newest.items()}
        told = [Told(trials[number], metrics.get(number, {})) for number in numbers if number in trials]
        return study, trials, told

    def _history(self, tx: Transaction, name: str) -> History:
        study = tx.studies.get(name)
        return self._mirrors.of(tx, study).history(tx, study)

    def _trial(self, tx: Transaction, name: str, number: int) -> tuple[History, Trial, tuple[str, ...]]:
        history = self._history(tx, name)
        trial = tx.trials.get(history.study.id, number)
        decisions = tx.decisions.list(history.study.id, number)
        return history, trial, tuple(map(sentences.decision, decisions))


def _metric(study: Study, method: Method, metric: str | None) -> str | None:
    """The objective that is meant; none means all of them, where the method can do that."""
    names = [objective.metric for objective in study.definition.objectives]
    if metric is not None and metric not in names:
        raise Invalid.field("metric", f"'{metric}' is no objective of this study: take {' or '.join(names)}")
    if metric is None and (len(names) == 1 or method == "fanova"):
        return names[0]
    return metric
