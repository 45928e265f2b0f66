"""A replay: the curves of a study once more, in the order in which they grew, before the eyes of another scheduler.

The judge is the live engine's own. It is asked where the server would ask it, and shown what it would have been shown:
the trials that had begun by then, and the curves of those that had ended, as the other scheduler had ended them. Each
time a trial ends or pauses, the engine may have a paused one go on: the rest of its curve follows from there.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from itertools import pairwise

from service.domain.rungs import may_decide
from service.domain.trial import Trial
from service.search.analysis.saved import Stop, assess
from service.search.engine import OptunaEngine
from service.search.pool.controls import CONTROL
from service.usecases.analysis.analyst import Recording
from service.usecases.engine import Curve, Engine, History, Latest, Verdict, judged
from service.wire.analysis import Replay
from service.wire.scheduler import AnyScheduler, AshaScheduler, AutoScheduler, NoScheduler

MOST_TRIALS = 800
MOST_VERDICTS = 25_000
_ALWAYS = 10
_ARRIVED = frozenset({"completed", "pruned", "failed", "infeasible", "cancelled", "paused"})


@dataclass(frozen=True, slots=True, order=True)
class _Event:
    """A point of a curve, or its end (`place` is behind the last point), at the time at which it came.

    `turn` counts how often the trial has gone on: what would have come in an earlier turn does not come any more.
    """

    at: float
    number: int
    place: int
    turn: int = 0


@dataclass(slots=True)
class _Stage:
    """How far the replay has come. `trials` and `curves` are what the judge is shown; `coming` is a heap."""

    recording: Recording
    scheduler: AnyScheduler
    metric: str
    coming: list[_Event]
    engine: Engine = field(default_factory=OptunaEngine)
    trials: dict[int, Trial] = field(default_factory=dict)
    curves: dict[int, Curve] = field(default_factory=dict)
    growing: dict[int, Curve] = field(default_factory=dict)
    stops: dict[int, Stop] = field(default_factory=dict)
    turns: dict[int, int] = field(default_factory=dict)
    next_steps: dict[int, int | None] = field(default_factory=dict)
    promoted: int = 0
    seq: int = 0

    def history(self) -> History:
        """What is known by now."""
        # The budget is looked at when one asks for promotions: it was not spent while trials were still to come.
        study = replace(self.recording.study, seq=self.seq, next_number=max(self.trials, default=-1) + 1)
        return History(study, self.trials, self.curves)

    def put(self, trial: Trial) -> None:
        """A trial has come, or has changed."""
        self.seq += 1
        self.trials[trial.number] = replace(trial, seq=self.seq)


def replay(recording: Recording, scheduler: AnyScheduler) -> Replay:
    """What another scheduler would have done with these curves."""
    definition = recording.study.definition.model_copy(update={"scheduler": scheduler})
    recording = replace(recording, study=replace(recording.study, definition=definition))
    there = [number for number, trial in sorted(recording.trials.items()) if _replayable(recording, trial)]
    chosen = _sample(recording, there, scheduler)
    stage = _Stage(recording, scheduler, judged(definition), list(_events(recording, chosen)))
    heapify(stage.coming)
    while stage.coming:
        event = heappop(stage.coming)
        if event.turn == stage.turns.get(event.number, 0) and _play(stage, event):
            _promote(stage, event)
    return assess(recording, chosen, stage.stops, of=len(there), promoted=stage.promoted)


def _replayable(recording: Recording, trial: Trial) -> bool:
    return trial.state in _ARRIVED and bool(recording.curves.get(trial.number))


def _sample(recording: Recording, there: list[int], scheduler: AnyScheduler) -> list[int]:
    """All trials, or as many evenly chosen ones as can be judged in a few seconds, the best ones always among them."""
    verdicts = sum(1 + _verdicts(recording.curves[number], scheduler) for number in there)
    most = min(MOST_TRIALS, len(there) * MOST_VERDICTS // max(verdicts, 1))
    if len(there) <= most:
        return there
    objective = recording.study.definition.objectives[0]
    sign = 1 if objective.direction == "minimize" else -1
    valued = [number for number in there if _value(recording.trials[number], objective.metric) is not None]
    best = sorted(valued, key=lambda number: sign * (_value(recording.trials[number], objective.metric) or 0.0))
    even = {there[place * len(there) // most] for place in range(most)}
    return sorted(even | set(best[:_ALWAYS]))


def _value(trial: Trial, metric: str) -> float | None:
    value = (trial.values or {}).get(metric) if trial.state == "completed" else None
    return value if value is not None and value == value else None


def _verdicts(curve: Curve, scheduler: AnyScheduler) -> int:
    return sum(may_decide(scheduler, before, step) for before, step in pairwise(curve.steps))


def _events(recording: Recording, chosen: list[int]) -> Iterator[_Event]:
    """When each point came. Points carry no times: a trial's are spread evenly over the time that it ran."""
    for number in chosen:
        count = len(recording.curves[number])
        for place in range(count + 1):
            yield _Event(_time(recording, number, place), number, place)


def _time(recording: Recording, number: int, place: int) -> float:
    ran, count = recording.ran[number], len(recording.curves[number])
    began, ended = ran.began.timestamp(), ran.ended.timestamp()
    return began + (ended - began) * min(place + 1, count) / count


def _play(stage: _Stage, event: _Event) -> bool:
    """Let a point come, or an end; whether a worker is free now."""
    number = event.number
    trial, curve = stage.recording.trials[number], stage.recording.curves[number]
    if event.place == len(curve):
        stage.curves[number] = curve
        stage.put(replace(trial, system=stage.trials[number].system))
        return True
    if not event.place:
        stage.growing[number] = Curve()
        kept = {key: value for key, value in trial.system.items() if key == CONTROL}
        stage.put(replace(trial, state="running", values=None, system=kept))
    stage.growing[number].add(curve.steps[event.place], curve.values[event.place])
    return trial.origin != "added" and _decides(stage, curve, event) and _judge(stage, event)


def _decides(stage: _Stage, curve: Curve, event: _Event) -> bool:
    """Whether the server would ask its engine at this point: at the first always, then where a decision may fall."""
    if isinstance(stage.scheduler, NoScheduler):
        return False
    if event.number not in stage.next_steps:
        return True
    step, next_step = curve.steps[event.place], stage.next_steps[event.number]
    before = curve.steps[event.place - 1] if event.place else None
    return may_decide(stage.scheduler, before, step) if next_step is None else step >= next_step


def _judge(stage: _Stage, event: _Event) -> bool:
    """Have the engine judge a trial; whether it stops or pauses."""
    number, trial, growing = event.number, stage.trials[event.number], stage.growing[event.number]
    verdict = _verdict(stage, trial, growing, event.place)
    stage.next_steps[number] = verdict.next_step
    if verdict.system:
        trial = replace(trial, system={**trial.system, **verdict.system})
        stage.put(trial)
    last = event.place == len(stage.recording.curves[number]) - 1
    over = last and stage.recording.trials[number].state not in {"pruned", "paused"}
    if verdict.act == "continue" or over:
        # Told to stop when it was over: nothing would have been saved, and nothing lost.
        return False
    act = "stop" if isinstance(stage.scheduler, AutoScheduler) else verdict.act
    stage.stops[number] = Stop(growing.steps[-1], act, verdict.reason, event.place + 1)
    stage.turns[number] = event.turn + 1
    stage.curves[number] = growing
    stage.put(replace(trial, state="pruned" if act == "stop" else "paused"))
    return True


def _verdict(stage: _Stage, trial: Trial, growing: Curve, place: int) -> Verdict:
    """The engine's verdict. What a point cost is not kept with the curve: it is taken to have come evenly, too."""
    ran = stage.recording.ran[trial.number]
    share = (place + 1) / len(stage.recording.curves[trial.number])
    latest = Latest(
        step=growing.steps[-1],
        metrics={stage.metric: growing.values[-1], **_resource(stage, trial.number, growing.steps[-1])},
        elapsed=share * (ran.ended - ran.began).total_seconds(),
        cost=None if ran.gpu_seconds is None else share * ran.gpu_seconds,
        # The model that decides under `auto` takes seconds for each verdict on trials that could pause: too long for
        # thousands of them. So `auto` is replayed as it judges trials that cannot.
        resumes=ran.resumes and not isinstance(stage.scheduler, AutoScheduler),
    )
    return stage.engine.judge(stage.history(), trial, growing, latest)


def _resource(stage: _Stage, number: int, step: int) -> dict[str, float]:
    """What was reported last, up to a step, of the metric by which the scheduler counts."""
    counted = stage.recording.resources.get(number)
    place = bisect_right(counted.steps, step) if counted is not None else 0
    if counted is None or not place or not isinstance(stage.scheduler, AshaScheduler):
        return {}
    return {stage.scheduler.resource: counted.values[place - 1]}


def _promote(stage: _Stage, now: _Event) -> None:
    """Have a paused trial go on, if the engine wants one to: a worker is free."""
    if not any(stop.act == "pause" for stop in stage.stops.values()):
        return
    found = stage.engine.promote(stage.history(), max(stage.trials) + 1)
    if found is None or found.number not in stage.stops:
        return
    number, trial = found.number, stage.trials[found.number]
    stop, points = stage.stops.pop(number), len(stage.recording.curves[number])
    later = now.at - _time(stage.recording, number, stop.points - 1)
    for place in range(stop.points, points + 1):
        event = _Event(_time(stage.recording, number, place) + later, number, place, stage.turns[number])
        heappush(stage.coming, event)
    # Another attempt: the server asks at its first point again.
    stage.next_steps.pop(number, None)
    stage.curves.pop(number, None)
    stage.promoted += 1
    stage.put(replace(trial, state="running", system={**trial.system, **found.system}))
