"""How a report gets its verdict, and what the engine is told of a trial's end: thought over outside of transactions."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal, TypeVar, get_args

from service.domain.decision import Decision
from service.domain.errors import Invalid
from service.domain.rungs import may_decide
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Trial
from service.usecases import completing, ending
from service.usecases.engine import Curve, Ended, Ending, Engine, History, Latest, Verdict, judged
from service.usecases.mirrors import Mirrors, curve
from service.usecases.ports import Store, Transaction
from service.usecases.reporting import GO_ON, ReportItem, Taken, report_together
from service.usecases.stopping import Watches
from service.usecases.suggesting import remember
from service.wire.lease import Complete, Completed, Directive, Reported
from service.wire.scheduler import AutoScheduler, NoScheduler

T = TypeVar("T")
Run = Callable[[Callable[[], T]], Awaitable[T]]
Told = Literal["continue", "pause", "stop"]
_ATTEMPTS_KNOWN = 100_000
_ENDINGS: Mapping[str, Ending] = {state: state for state in get_args(Ending)}


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
        self._seen: OrderedDict[AttemptKey, int | None] = OrderedDict()
        self._take = partial(report_together, watches=Watches())

    async def report(self, item: ReportItem) -> Reported:
        """Store the points; then, where a decision may fall, add its directive to the answer."""
        taken = await self._store.write_together(self._take, item)
        if taken.answer.directive.type != "continue" or not taken.points or not self._may_decide(taken):
            return taken.answer
        case = await self._store.read(partial(self._case, study=item.study, number=item.number))
        verdict: Verdict = await self._run(
            partial(self._engine.judge, case.history, case.trial, case.curve, _latest(taken))
        )
        self._judged(taken.key, verdict.next_step)
        if verdict.basis is None and not verdict.system and verdict.act == "continue":
            return taken.answer
        directive = await self._store.write(partial(_decide, taken=taken, verdict=verdict, token=item.report.token))
        return taken.answer.model_copy(update={"directive": directive})

    def _may_decide(self, taken: Taken) -> bool:
        """Whether to think at all; always at the first report that this process sees of an attempt.

        Another one may have died between storing a report and judging it.
        """
        scheduler, step = taken.study.definition.scheduler, taken.points[-1].step
        if isinstance(scheduler, NoScheduler):
            return False
        if taken.key not in self._seen:
            return True
        next_step = self._seen[taken.key]
        return may_decide(scheduler, taken.before, step) if next_step is None else step >= next_step

    def _judged(self, key: AttemptKey, next_step: int | None) -> None:
        self._seen[key] = next_step
        self._seen.move_to_end(key)
        if len(self._seen) > _ATTEMPTS_KNOWN:
            self._seen.popitem(last=False)

    async def complete(self, study: str, number: int, attempt: int, body: Complete) -> Completed:
        """End an attempt; where that ends the trial, keep what the engine wants to remember of it."""
        note: Callable[[Transaction], None] | None = None
        foreseen = await self._store.read(partial(self._foresee, study, number, attempt, body))
        if foreseen is not None:
            case, state, values = foreseen
            ended: Ended = await self._run(
                partial(self._engine.ended, case.history, case.trial, case.curve, state, values)
            )
            note = partial(_note, study=study, number=number, ended=ended)
        return await self._store.write(partial(_complete, study, number, attempt, body, note))

    def _foresee(
        self, study: str, number: int, attempt: int, body: Complete, tx: Transaction
    ) -> tuple[Case, Ending, Mapping[str, float]] | None:
        """What an attempt's end will make of its trial, if it ends it; None also where it will be refused."""
        found = tx.studies.get(study)
        trial = tx.trials.get(found.id, number)
        current = tx.attempts.current(found.id, [number]).get(number)
        if trial.state != "running" or current is None or current.key.attempt != attempt or not current.live:
            return None
        try:
            end = ending.end(tx, found, trial, current, body)
        except Invalid:
            return None
        state = _ENDINGS.get(end.state)
        return (self._case(tx, study, number), state, end.values or {}) if state is not None else None

    def _case(self, tx: Transaction, study: str, number: int) -> Case:
        found = tx.studies.get(study)
        trial = tx.trials.get(found.id, number)
        points = tx.points.curves(found.id, [number], judged(found.definition)).get(number, ())
        history = self._mirrors.of(tx, found).history(tx, found)
        return Case(history, trial, curve(points))


def _latest(taken: Taken) -> Latest:
    last = taken.points[-1]
    return Latest(step=last.step, metrics=last.metrics, elapsed=last.elapsed, cost=last.cost, resumes=taken.resumes)


def _decide(tx: Transaction, taken: Taken, verdict: Verdict, token: int) -> Directive:
    """Write a decision down with what it was based on; answer what the trial is to do."""
    key = taken.key
    trial = tx.trials.lock(key.study_id, key.number)
    attempt = tx.attempts.lock([key]).get(key)
    if attempt is None or attempt.token != token or not attempt.live or trial.state != "running":
        return (attempt.directive if attempt else None) or GO_ON
    if attempt.directive is not None and attempt.directive.type == "stop":
        return attempt.directive  # a rule or a user was faster
    act = _possible(verdict.act, taken.study, attempt)
    if verdict.basis is not None:
        step, basis = taken.points[-1].step, asdict(verdict.basis)
        tx.decisions.append(Decision(key=key, step=step, act=act, reason=verdict.reason, basis=basis, at=tx.now))
    if verdict.system:
        tx.trials.save(replace(trial, system={**trial.system, **verdict.system}))
    directive = Directive(type=act, reason=verdict.reason)
    if act == "continue":
        return directive
    attempt = attempt.told(directive)
    tx.attempts.save([attempt])
    return attempt.directive or directive


def _possible(act: Told, study: Study, attempt: Attempt) -> Told:
    """What a trial can be told: under `auto` one that cannot go on from a checkpoint is stopped, not paused."""
    automatic = isinstance(study.definition.scheduler, AutoScheduler)
    return "stop" if act == "pause" and automatic and not attempt.resumes else act


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
