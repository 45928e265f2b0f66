"""Things to put into a store, and a store with the event loop that it is used from."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, TypeVar, cast

from service.domain.event import Event
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey, Checkpoint, Continuity, Point, Trial
from service.domain.worker import Worker
from service.usecases.ports import Store, Transaction
from service.wire.lease import Directive
from service.wire.study import StudyDefinition
from service.wire.trial import Failure
from service.wire.worker import Gpu, GpuUse

T = TypeVar("T")
MOMENT = datetime(2026, 5, 17, 12, 30, 15, 123457, tzinfo=UTC)
SPACE: dict[str, Any] = {"learning_rate": {"type": "float", "low": 1e-5, "high": 0.1, "log": True}}
OBJECTIVES = [{"metric": "loss"}, {"metric": "seconds"}]
# Whatever a measurement may give: each must come back as the very same number.
FLOATS: Mapping[str, float] = {
    "nan": math.nan,
    "inf": math.inf,
    "minus_inf": -math.inf,
    "huge": 1.7976931348623157e308,
    "large": -1e308,
    "minus_zero": -0.0,
    "denormal": 5e-324,
    "third": 1 / 3,
    "tenth": 0.1 + 0.2,
    "whole": 1.0,
}
TEXTS = (
    "naïve",
    "日本語",
    "🦜🏽‍♀️",
    "שלום",
    "a'b\"c`d;--",
    "100% _ \\",
    "line\nbreak\ttab",
    "\u2028",
    "Ω" * 200,
    "$.x[0]",
    "{}",
)


class Bench:
    """A store, and the event loop that its callers run in.

    `reading` and `writing` look like a transaction, and make one of its own for each call.
    """

    def __init__(self, store: Store, runner: asyncio.Runner) -> None:
        self.store = store
        self._runner = runner
        self.reading = cast(Transaction, _Each(self.read))
        self.writing = cast(Transaction, _Each(self.write))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something that waits."""
        return self._runner.run(work)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Write, and wait for it."""
        return self.run(self.store.write(work))

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Read, and wait for it."""
        return self.run(self.store.read(work))

    def write_at_once(self, works: Sequence[Callable[[Transaction], T]]) -> list[T | BaseException]:
        """Submit many writes before any of them is answered."""
        return self.run(_gather([self.store.write(work) for work in works]))

    def write_all_together(
        self, work: Callable[[Transaction, Sequence[Any]], Sequence[Any]], items: Sequence[Any]
    ) -> list[Any]:
        """Submit many items of work that is done together before any of them is answered."""
        return self.run(_gather([self.store.write_together(work, item) for item in items]))

    def study(self, name: str = "digits", **fields: Any) -> Study:
        """Add a study."""
        return self.write(lambda tx: tx.studies.add(definition(name, **fields)))

    def trials(self, study: Study, count: int, **fields: Any) -> list[Trial]:
        """Add trials that are alike."""
        return self.add([trial(study, **fields)] * count)

    def add(self, trials: Sequence[Trial]) -> list[Trial]:
        """Add trials in one write."""
        return self.write(lambda tx: [tx.trials.add(one) for one in trials])

    def tell(self, events: Sequence[Event]) -> None:
        """Append events in one write."""

        def work(tx: Transaction) -> None:
            for one in events:
                tx.events.append(one)

        self.write(work)


class _Each:
    """`each.trials.get(1, 2)` carries out `tx.trials.get(1, 2)`."""

    def __init__(self, carry_out: Callable[[Callable[[Transaction], Any]], Any], *path: str) -> None:
        self._carry_out = carry_out
        self._path = path

    def __getattr__(self, name: str) -> "_Each":
        return _Each(self._carry_out, *self._path, name)

    def __call__(self, *args: Any) -> Any:
        return self._carry_out(lambda tx: attrgetter(".".join(self._path))(tx)(*args))


async def _gather(work: Sequence[Coroutine[Any, Any, T]]) -> list[T | BaseException]:
    return await asyncio.gather(*work, return_exceptions=True)


def definition(name: str = "digits", **fields: Any) -> StudyDefinition:
    """A study to add."""
    return StudyDefinition.model_validate({"name": name, "objectives": OBJECTIVES, "space": SPACE, **fields})


def trial(study: Study, **fields: Any) -> Trial:
    """A trial to add."""
    filled: dict[str, Any] = {"number": 0, "origin": "sampled", "params": {"learning_rate": 0.01}}
    return Trial(study_id=study.id, **{**filled, "created_at": MOMENT, **fields})


def full_trial(study: Study, **fields: Any) -> Trial:
    """A trial with something in every field."""
    filled: dict[str, Any] = {
        "state": "infeasible",
        "origin": "added",
        "params": {"real": 0.1, "whole": 3, "yes": True, "word": "sgd", "none": None},
        "values": {"loss": 0.25, "seconds": 3.5},
        "attrs": {"tags": ["a", "b"], "deep": {"er": {"est": [1, 2.5, None, True]}}, "empty": {}},
        "system": {"grid": {"7": [0, 1]}},
        "token": 7,
        "attempts": 2,
        "failure": failure("oom"),
        "not_before": MOMENT + timedelta(seconds=5),
        "avoid": "node Ω",
        "avoid_until": MOMENT + timedelta(seconds=65),
        "started_at": MOMENT + timedelta(microseconds=1),
        "finished_at": MOMENT + timedelta(hours=1),
    }
    return trial(study, **{**filled, **fields})


def failure(kind: str) -> Failure:
    """A reason why an attempt ended badly."""
    return Failure.model_validate({"class": kind, "message": "out of memory", "tail": "…\n\u0416 'x'"})


def key(trial: Trial, attempt: int = 1) -> AttemptKey:
    """The address of an attempt at a trial."""
    return AttemptKey(trial.study_id, trial.number, attempt)


def attempt(at: AttemptKey, **fields: Any) -> Attempt:
    """An attempt to add."""
    filled: dict[str, Any] = {"token": 1, "worker": "gpu-1", "granted_at": MOMENT, "expires_at": MOMENT}
    return Attempt(key=at, **{**filled, **fields})


def full_attempt(at: AttemptKey, **fields: Any) -> Attempt:
    """An attempt with something in every field."""
    filled: dict[str, Any] = {
        "token": 2**40,
        "state": "failed",
        "worker": "gpu-2 Ω",
        "ended_at": MOMENT + timedelta(seconds=1),
        "acked_seq": 12,
        "last_step": 2**50,
        "last_metrics": {"loss": 0.5},
        "resume_step": 3,
        "directive": Directive(type="stop", reason="cancelled by a user"),
        "failure": failure("crash"),
        "gpu_seconds": 0.1 + 0.2,
        "completion": "f" * 64,
        "resumes": True,
        "holder": "3f9c1e0a77b2",
        "worker_id": worker_id(2),
        "gpu": "GPU-1",
        "obeyed": 3,
        "continuity": Continuity(metric="loss", before=0.5, after=0.75, times_noise=7.5, jumped=True),
    }
    return attempt(at, **{**filled, **fields})


def point(at: AttemptKey, seq: int, **fields: Any) -> Point:
    """A point to add; its step is ten times its seq."""
    filled: dict[str, Any] = {"step": 10 * seq, "metrics": {"loss": 1 / seq}}
    return Point(key=at, seq=seq, **{**filled, **fields})


def checkpoint(at: AttemptKey, step: int, **fields: Any) -> Checkpoint:
    """A checkpoint to add."""
    filled: dict[str, Any] = {
        "uri": f"file:///checkpoints/{at.attempt}/{step}",
        "sha256": "0" * 64,
        "size": 2**40,
        "committed_at": MOMENT + timedelta(seconds=step),
    }
    return Checkpoint(key=at, step=step, **{**filled, **fields})


def worker_id(number: int) -> str:
    """The id of a worker."""
    return f"00000000-0000-4000-8000-{number:012x}"


def worker(number: int, **fields: Any) -> Worker:
    """A worker to add."""
    filled: dict[str, Any] = {"instance": "0" * 32, "name": f"node-{number}", "agent_version": "1", "slots": 1}
    moments = dict.fromkeys(("first_seen_at", "last_seen_at", "expires_at", "trusted_at"), MOMENT)
    return Worker(id=worker_id(number), **{**filled, "trainers": ("cnn",), **moments, **fields})


def full_worker(number: int, **fields: Any) -> Worker:
    """A worker with something in every field."""
    filled: dict[str, Any] = {
        "instance": "ab" * 16,
        "name": "node Ω",
        "python_version": "3.13.1",
        "labels": {"zone": "a b", "é/x": ""},
        "gpus": (Gpu(uuid="GPU-1", model="NVIDIA H100", memory_bytes=2**40), Gpu(uuid="GPU-2")),
        "use": (GpuUse(uuid="GPU-1", utilisation=0.1 + 0.2, memory_used_bytes=1, temperature=-1.5),),
        "slots": 8,
        "trainers": ("cnn", "lstm"),
        "present": False,
        "drain": "preempt",
        "reason": "maintenance – at 10",
        "clock_skew": -7.25,
        "last_seen_at": MOMENT + timedelta(seconds=1),
        "expires_at": MOMENT + timedelta(seconds=61),
        "trusted_at": MOMENT + timedelta(microseconds=1),
    }
    return worker(number, **{**filled, **fields})


def event(study: Study, **fields: Any) -> Event:
    """An event to add."""
    filled: dict[str, Any] = {"type": "study.updated", "seq": study.seq, "at": MOMENT, "data": {}}
    return Event(study_id=study.id, study=study.name, **{**filled, **fields})


def exact(value: Any) -> Any:
    """JSON to compare with, in which NaN is NaN, and -0.0, 0.0, 0 and False are four different things."""
    if isinstance(value, Mapping):
        return {name: exact(child) for name, child in value.items()}
    return [exact(child) for child in value] if isinstance(value, list | tuple) else (type(value), repr(value))
