"""How a report gets its verdict, and what the engine is told of a trial's end: thought over outside of transactions."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, TypeVar

from service.domain.decision import Decision
from service.domain.rungs import may_decide
from service.domain.study import Study
from service.domain.trial import AttemptKey, Trial
from service.usecases import completing
from service.usecases.engine import Curve, Ended, Ending, Engine, History, Verdict, judged
from service.usecases.mirrors import Mirrors, curve
from service.usecases.ports import Store, Transaction
from service.usecases.reporting import GO_ON, ReportItem, Taken, report_together
from service.usecases.suggesting import remember
from service.wire.lease import Complete, Completed, Directive, Reported
from service.wire.scheduler import NoScheduler

T = TypeVar("T")
Run = Callable[[Callable[[], T]], Awaitable[T]]
_ATTEMPTS_KNOWN = 100_000
_ENDINGS: Mapping[str, Ending] = {"completed": "completed", "pruned": "pruned", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class Case:
    """A running trial as its judge sees it."""

    history: History
    trial: Trial
    curve: Curve


class Judge:
    """Verdicts on reports, and the engine's notes on trials that end."""

    def __init__(self, store: Store, engine: Engine, mirrors: Mirrors, run: Run[Any]) -> None:
        self._store = store
        self._engine = engine
        self._mirrors = mirrors
        self._run = run
        self._seen: OrderedDict[AttemptKey, None] = OrderedDict()

    async def report(self, item: ReportItem) -> Reported:
        """Store the points; then, where a decision may fall, add its directive to the answer."""
        taken = await self._store.write_together(report_together, item)
        if taken.answer.directive.type != "continue" or not taken.points or not self._may_decide(taken):
            return taken.answer
        case = await self._store.read(partial(self._case, study=item.study, number=item.number))
        verdict: Verdict = await self._run(partial(self._engine.judge, case.history, case.trial, case.curve))
        self._judged(taken.key)
        if verdict.basis is None and not verdict.system and verdict.act == "continue":
            return taken.answer
        directive = await self._store.write(partial(_decide, taken=taken, verdict=verdict, token=item.report.token))
        return taken.answer.model_copy(update={"directive": directive})

    def _may_decide(self, taken: Taken) -> bool:
        """Whether to think at all; always at the first report that this process sees of an attempt.

        Another one may have died between storing a report and judging it.
        """
        scheduler = taken.study.definition.scheduler
        first = taken.key not in self._seen and not isinstance(scheduler, NoScheduler)
        return first or may_decide(scheduler, taken.before, taken.points[-1].step)

    def _judged(self, key: AttemptKey) -> None:
        self._seen[key] = None
        self._seen.move_to_end(key)
        if len(self._seen) > _ATTEMPTS_KNOWN:
            self._seen.popitem(last=False)

    async def complete(self, study: str, number: int, attempt: int, body: Complete) -> Completed:
        """End an attempt; where that ends the trial, keep what the engine wants to remember of it."""
        note: Callable[[Transaction], None] | None = None
        ending = _ENDINGS.get(body.outcome)
        case = await self._store.read(partial(self._case, study=study, number=number)) if ending else None
        if case is not None and ending is not None and case.trial.state == "running":
            values = body.values or {}
            ended: Ended = await self._run(
                partial(self._engine.ended, case.history, case.trial, case.curve, ending, values)
            )
            note = partial(_note, study=study, number=number, ended=ended)
        return await self._store.write(partial(_complete, study, number, attempt, body, note))

    def _case(self, tx: Transaction, study: str, number: int) -> Case:
        found = tx.studies.get(study)
        trial = tx.trials.get(found.id, number)
        points = tx.points.curves(found.id, [number], judged(found.definition)).get(number, ())
        history = self._mirrors.of(tx, found).history(tx, found)
        return Case(history, trial, curve(points))


def _decide(tx: Transaction, taken: Taken, verdict: Verdict, token: int) -> Directive:
    """Write a decision down with what it was based on; answer what the trial is to do."""
    key = taken.key
    trial = tx.trials.lock(key.study_id, key.number)
    attempt = tx.attempts.lock([key]).get(key)
    if attempt is None or attempt.token != token or not attempt.live or trial.state != "running":
        return (attempt.directive if attempt else None) or GO_ON
    if verdict.basis is not None:
        step, basis = taken.points[-1].step, asdict(verdict.basis)
        tx.decisions.append(
            Decision(key=key, step=step, act=verdict.act, reason=verdict.reason, basis=basis, at=tx.now)
        )
    if verdict.system:
        tx.trials.save(replace(trial, system={**trial.system, **verdict.system}))
    directive = Directive(type=verdict.act, reason=verdict.reason)
    if verdict.act != "continue":
        tx.attempts.save([replace(attempt, directive=directive)])
    return directive


def _complete(
    study: str, number: int, attempt: int, body: Complete, note: Callable[[Transaction], None] | None, tx: Transaction
) -> Completed:
    if note is not None:
        note(tx)
    return completing.complete(tx, study, number, attempt, body)


def _note(tx: Transaction, study: str, number: int, ended: Ended) -> None:
    """Keep what the engine wants to know again of a trial that ends, and of its study."""
    target: Study = tx.studies.get(study)
    trial = tx.trials.lock(target.id, number)
    if ended.system and trial.state == "running":
        tx.trials.save(replace(trial, system={**trial.system, **ended.system}))
    remember(tx, study, ended.study_system)
