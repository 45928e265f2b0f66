"""What has grown since it was last looked at: learning curves of trials that run, and logs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.domain.errors import NotFound
from service.domain.trial import AttemptKey
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction

_MOST_READ = 64
_MOST_POINTS = 200
Told = tuple[int, int, float]
"""A new point: the trial's number, the step, the value of the first objective."""


@dataclass
class NewPoints:
    """The points that studies have got. It costs a look at the attempts that run, and at the curves that have grown."""

    mirrors: Mirrors
    _seen: dict[int, dict[int, tuple[int, int]]] = field(default_factory=dict)

    def since(self, tx: Transaction, names: Sequence[str]) -> Mapping[str, Sequence[Told]]:
        """By the name of a study what is new in it; of one that is looked at for the first time, nothing."""
        found: dict[str, Sequence[Told]] = {}
        known: dict[int, dict[int, tuple[int, int]]] = {}
        for name in names:
            try:
                study = tx.studies.get(name)
            except NotFound:
                continue
            runs = [n for n, trial in list(self.mirrors.of(tx, study).trials.items()) if trial.state == "running"]
            before = self._seen.get(study.id)
            # One that has ended since it was looked at may have left its last points only now.
            attempts = tx.attempts.current(study.id, sorted({*runs, *(before or ())}))
            now = {number: (one.key.attempt, one.acked_seq) for number, one in attempts.items()}
            known[study.id] = {number: now[number] for number in runs if number in now}
            if before is None:
                continue
            metric = study.definition.objectives[0].metric
            grown = [number for number, place in now.items() if place > before.get(number, (0, 0))]
            points: list[Told] = []
            for number in grown[:_MOST_READ]:
                new = tx.points.list(study.id, number, before.get(number, (0, 0)), _MOST_POINTS)
                points += [(number, one.step, one.metrics[metric]) for one in new if metric in one.metrics]
            for number in grown[_MOST_READ:]:
                # Very many at once: the newest point of each has come along with its attempt.
                last, step = attempts[number].last_metrics or {}, attempts[number].last_step
                if metric in last and step is not None:
                    points.append((number, step, last[metric]))
            if points:
                found[name] = points
        self._seen = known
        return found


@dataclass
class LogEnds:
    """The logs of trials (`STUDY/NUMBER`) that have become longer."""

    _ends: dict[str, tuple[int, int]] = field(default_factory=dict)

    def since(self, tx: Transaction, wanted: Sequence[str]) -> Sequence[str]:
        """Those that have grown; of one that is looked at for the first time, nothing."""
        now: dict[str, tuple[int, int]] = {}
        for of in wanted:
            name, _, number = of.rpartition("/")
            try:
                trial = tx.trials.get(tx.studies.get(name).id, int(number))
            except (NotFound, ValueError):
                continue
            now[of] = (trial.attempts, tx.logs.end(AttemptKey(trial.study_id, trial.number, trial.attempts)))
        grown = [of for of, end in now.items() if of in self._ends and self._ends[of] != end]
        self._ends = now
        return grown
