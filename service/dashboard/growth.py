"""What has grown since it was last looked at: learning curves of trials that run, and logs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from service.domain.errors import NotFound
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction

_MOST_READ = 64
_MOST_POINTS = 200
Told = tuple[int, int, float]
"""A new point: the trial's number, the step, the value of the first objective."""
Places = Mapping[int, tuple[int, int]]
"""By the number of a trial the place (attempt, seq) up to which its points were seen."""


@dataclass
class NewPoints:
    """The points that studies have got. It costs a look at the attempts that run, and at the curves that have grown.

    Whoever begins to look may have missed points since its page was made: of the studies in `anew` the newest point of
    each trial that runs is told in any case.
    """

    mirrors: Mirrors
    _seen: dict[int, Places] = field(default_factory=dict)

    def since(self, tx: Transaction, names: Sequence[str], anew: Collection[str] = ()) -> Mapping[str, Sequence[Told]]:
        """By the name of a study what is new in it."""
        found: dict[str, Sequence[Told]] = {}
        known: dict[int, Places] = {}
        for name in names:
            try:
                study = tx.studies.get(name)
            except NotFound:
                continue
            before = self._seen.get(study.id)
            runs = [n for n, trial in list(self.mirrors.of(tx, study).trials.items()) if trial.state == "running"]
            # One that has ended since it was looked at may have left its last points only now.
            attempts = tx.attempts.current(study.id, sorted({*runs, *(before or ())}))
            now = {number: (one.key.attempt, one.acked_seq) for number, one in attempts.items()}
            known[study.id] = {number: now[number] for number in runs if number in now}
            grown = {number: place for number, place in now.items() if place > (before or {}).get(number, (0, 0))}
            if before is None or name in anew:
                points = _newest(study, attempts.values())
            elif len(grown) > _MOST_READ:
                points = _newest(study, (attempts[number] for number in grown))
            else:
                points = _read(tx, study, {number: before.get(number, (0, 0)) for number in grown})
            if points:
                found[name] = points
        self._seen = known
        return found


def _newest(study: Study, attempts: Iterable[Attempt]) -> Sequence[Told]:
    """The newest point of each: it has come along with its attempt."""
    metric = study.definition.objectives[0].metric
    return [
        (one.key.number, one.last_step, one.last_metrics[metric])
        for one in attempts
        if one.last_step is not None and one.last_metrics is not None and metric in one.last_metrics
    ]


def _read(tx: Transaction, study: Study, places: Places) -> Sequence[Told]:
    """The points behind the places that were seen."""
    metric = study.definition.objectives[0].metric
    points: list[Told] = []
    for number, place in places.items():
        new = tx.points.list(study.id, number, place, _MOST_POINTS)
        points += [(number, one.step, one.metrics[metric]) for one in new if metric in one.metrics]
    return points


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
