"""How a report gets its verdict: thought over outside of transactions, and as a rule before the report is stored."""

import logging
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from service.domain.decision import Decision
from service.domain.rungs import may_decide
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Trial
from service.usecases.cases import Case, Cases, Run
from service.usecases.engine import Engine, Latest, System, Verdict
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Store, Transaction
from service.usecases.reporting import GO_ON, ReportItem, Taken, report_together
from service.usecases.running_curves import RunningCurves
from service.usecases.stopping import Watches
from service.wire.lease import Directive, Reported
from service.wire.scheduler import AutoScheduler, NoScheduler

Told = Literal["continue", "pause", "stop"]
_log = logging.getLogger(__name__)
_ATTEMPTS_KNOWN = 100_000
_NEVER = 2**63
"""The step from which on a rerun is judged that goes the whole way."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A verdict on a report that is not stored yet, and what it was taken for."""

    expected: Taken
    verdict: Verdict

    def came(self, taken: Taken) -> bool:
        """Whether the report was stored as it was expected to be, and nothing else has been decided by that."""
        return _what(taken) == _what(self.expected) and taken.answer.directive.type == "continue"


@dataclass(frozen=True, slots=True)
class Decided:
    """What a verdict has come to, and what the trial's client is told."""

    taken: Taken
    verdict: Verdict
    act: Told
    directive: Directive

    def decision(self, now: datetime) -> Decision:
        """The decision as it is written down, with what it was based on."""
        basis = asdict(self.verdict.basis) if self.verdict.basis is not None else {}
        key, step = self.taken.key, self.taken.points[-1].step
        return Decision(key=key, step=step, act=self.act, reason=self.verdict.reason, basis=basis, at=now)


class Judge:
    """Verdicts on reports."""

    def __init__(self, store: Store, engine: Engine, mirrors: Mirrors, run: Run[Any]) -> None:
        self._store = store
        self._engine = engine
        self._cases = Cases(store, mirrors, run)
        self._seen: OrderedDict[AttemptKey, int | None] = OrderedDict()
        self._curves = RunningCurves()
        self._take = partial(_take, watches=Watches())

    async def report(self, item: ReportItem) -> Reported:
        """Store the points with what is decided of them; the directive is added to the answer."""
        foreseen = await self._foresee(item)
        taken, directive = await self._store.write_together(self._take, (item, foreseen))
        if isinstance(taken.study.definition.scheduler, NoScheduler):
            return taken.answer
        self._curves.follow(taken)
        if taken.answer.directive.type != "continue" or not taken.points:
            return taken.answer
        if foreseen is not None and foreseen.came(taken):
            self._judged(taken.key, foreseen.verdict.next_step)
            return _with(taken, directive)
        return await self._judge(taken, item) if self._may_decide(taken) else taken.answer

    async def _foresee(self, item: ReportItem) -> "Foreseen | None":
        """Think of a report before it is stored, so that one commit serves for both; None where it is thought after.

        It is for those whose curve is known here to the last point. Others must be stored first to know what they are.
        """
        expected = self._curves.ahead(item)
        if expected is None or not self._may_decide(expected):
            return None
        try:
            known = self._curves.with_points(expected)
            _, verdict = await self._cases.think(item.study, item.number, known, partial(self._think, taken=expected))
        except Exception:  # noqa: BLE001  # what was told is stored first; whatever is wrong shows again then
            _log.debug("trial %d of study %r is judged after its report", item.number, item.study, exc_info=True)
            return None
        return None if verdict is None else Foreseen(expected, verdict)

    async def _judge(self, taken: Taken, item: ReportItem) -> Reported:
        """Think of a report that is stored, and decide."""
        known = self._curves.of(taken)
        case, verdict = await self._cases.think(item.study, item.number, known, partial(self._think, taken=taken))
        if known is None:
            self._curves.learn(taken, case.curve)
        if verdict is None:
            return await self._rerun(case.trial, taken, item.report.token)
        self._judged(taken.key, verdict.next_step)
        if not _says_something(verdict):
            return taken.answer
        decide = partial(_decide, taken=taken, verdict=verdict, token=item.report.token)
        return _with(taken, await self._store.write(decide))

    def _think(self, case: Case, taken: Taken) -> tuple[Case, Verdict | None]:
        """The case, and the verdict if it is one to be judged: no scheduler judges a rerun."""
        if not case.trial.searches:
            return case, None
        return case, self._engine.judge(case.history, case.trial, case.curve, _latest(taken))

    async def _rerun(self, trial: Trial, taken: Taken, token: int) -> Reported:
        """A rerun that is to reproduce a trial is told when it has come as far."""
        enough = trial.rerun.steps if trial.rerun is not None and trial.purpose == "reproduce" else None
        self._judged(taken.key, _NEVER if enough is None else enough)
        if enough is None or taken.points[-1].step < enough:
            return taken.answer
        directive = await self._store.write(partial(_enough, taken=taken, token=token))
        return taken.answer.model_copy(update={"directive": directive})

    def _may_decide(self, taken: Taken) -> bool:
        """Whether to think at all; always at the first report that this process sees of an attempt.

        Another one may have died between storing a report and judging it, and a rerun is not known to be one before.
        """
        scheduler, step = taken.study.definition.scheduler, taken.points[-1].step
        if taken.key not in self._seen:
            return True
        next_step = self._seen[taken.key]
        return may_decide(scheduler, taken.before, step) if next_step is None else step >= next_step

    def _judged(self, key: AttemptKey, next_step: int | None) -> None:
        self._seen[key] = next_step
        self._seen.move_to_end(key)
        if len(self._seen) > _ATTEMPTS_KNOWN:
            self._seen.popitem(last=False)


def _take(
    tx: Transaction, items: Sequence[tuple[ReportItem, Foreseen | None]], watches: Watches
) -> Sequence[tuple[Taken, Directive | None] | BaseException]:
    """Take many reports in, and decide of each what was thought of it if it is what it was thought to be.

    Whoever ends a trial ends its attempt, or tells it to stop: nothing is asked of the trial of one that is to go on.
    """
    decided: dict[int, Decided] = {}

    def decide(place: int, taken: Taken, attempt: Attempt) -> Attempt:
        foreseen = items[place][1]
        if foreseen is None or not _says_something(foreseen.verdict) or not foreseen.came(taken):
            return attempt
        decided[place], attempt = _decided(taken, foreseen.verdict, attempt)
        return attempt

    found = report_together(tx, [item for item, _ in items], watches, decide)
    _note(tx, decided.values())
    return [
        taken if isinstance(taken, BaseException) else (taken, decided[place].directive if place in decided else None)
        for place, taken in enumerate(found)
    ]


def _what(taken: Taken) -> tuple[object, ...]:
    return taken.key, taken.before, taken.points, taken.resumes


def _says_something(verdict: Verdict) -> bool:
    return verdict.basis is not None or bool(verdict.system) or verdict.act != "continue"


def _with(taken: Taken, directive: Directive | None) -> Reported:
    return taken.answer if directive is None else taken.answer.model_copy(update={"directive": directive})


def _latest(taken: Taken) -> Latest:
    last = taken.points[-1]
    return Latest(step=last.step, metrics=last.metrics, elapsed=last.elapsed, cost=last.cost, resumes=taken.resumes)


def _enough(tx: Transaction, taken: Taken, token: int) -> Directive:
    """Tell a rerun that it has come as far as the trial that it reproduces."""
    attempt = tx.attempts.lock([taken.key]).get(taken.key)
    if attempt is None or attempt.token != token or not attempt.live:
        return GO_ON
    attempt = attempt.told(Directive(type="stop", reason="it has come as far as the trial that it reproduces"))
    tx.attempts.save([attempt])
    return attempt.directive or GO_ON


def _decide(tx: Transaction, taken: Taken, verdict: Verdict, token: int) -> Directive:
    """Write a decision down with what it was based on; answer what the trial is to do."""
    key = taken.key
    trial = tx.trials.lock(key.study_id, key.number)
    current = trial.state == "running" and trial.token == token
    if current and verdict.act == "continue":
        _note(tx, [_going_on(taken, verdict)])
        return Directive(type="continue", reason=verdict.reason)
    attempt = tx.attempts.lock([key])[key]
    if not current or (attempt.directive is not None and attempt.directive.type == "stop"):
        return attempt.directive or GO_ON  # a rule or a user was faster
    decided, attempt = _decided(taken, verdict, attempt)
    tx.attempts.save([attempt])
    _note(tx, [decided])
    return decided.directive


def _decided(taken: Taken, verdict: Verdict, attempt: Attempt) -> tuple[Decided, Attempt]:
    """What a verdict comes to, and the attempt once it has been told."""
    act = _possible(verdict.act, taken.study, attempt)
    if act == "continue":
        return _going_on(taken, verdict), attempt
    told = attempt.told(Directive(type=act, reason=verdict.reason))
    return Decided(taken, verdict, act, told.directive or GO_ON), told


def _going_on(taken: Taken, verdict: Verdict) -> Decided:
    return Decided(taken, verdict, "continue", Directive(type="continue", reason=verdict.reason))


def _note(tx: Transaction, decided: Collection[Decided]) -> None:
    """Write down what was decided, and what the engine wants to know again of the trials."""
    tx.decisions.append([one.decision(tx.now) for one in decided if one.verdict.basis is not None])
    systems: dict[int, dict[int, System]] = {}
    for one in decided:
        if one.verdict.system:
            of, number = systems.setdefault(one.taken.key.study_id, {}), one.taken.key.number
            of[number] = {**of.get(number, {}), **one.verdict.system}
    for study_id, remembered in systems.items():
        tx.trials.note(study_id, remembered)


def _possible(act: Told, study: Study, attempt: Attempt) -> Told:
    """What a trial can be told: under `auto` one that cannot go on from a checkpoint is stopped, not paused."""
    automatic = isinstance(study.definition.scheduler, AutoScheduler)
    return "stop" if act == "pause" and automatic and not attempt.resumes else act
