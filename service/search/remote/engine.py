"""The engine whose calls are carried out in another process."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from service.domain.errors import Unavailable
from service.domain.trial import Trial
from service.search.engine import NAME
from service.search.remote.changes import Known, key_of, pieces
from service.search.remote.child import Child
from service.search.remote.messages import Answer, Begin, Call, Forget, Key, Load, Update
from service.usecases.engine import Curve, History, Latest, Promotion, Suggestion, Verdict

_log = logging.getLogger(__name__)
_PATIENCE_SECONDS = 300.0


class RemoteEngine:
    """An engine in a process of its own, started when it is first needed and again when it has died.

    One call at a time. What it needs to know of a study is sent once, and from then on only what changes. A call during
    which the process dies is repeated once; after that, and where it takes too long, `Unavailable` is raised.
    `options` are those of the engine there; `keep_trials` bounds what the process remembers of studies.
    """

    name = NAME

    def __init__(
        self,
        *,
        keep_trials: int = 200_000,
        patience_seconds: float = _PATIENCE_SECONDS,
        start: Callable[[], Child] = Child,
        **options: Any,
    ) -> None:
        self._options: Mapping[str, Any] = {"keep_trials": keep_trials, **options}
        self._keep_trials = keep_trials
        self._patience_seconds = patience_seconds
        self._start = start
        self._child: Child | None = None
        self._known: OrderedDict[Key, Known] = OrderedDict()
        self._loaded: set[str] = set()
        self._heard = False
        self._closed = False
        self._lock = threading.Lock()

    def make_ready(self, modules: tuple[str, ...] = ()) -> None:
        """Start the process and have it load what it will need, if it has not; nobody waits for that."""
        if self._loaded.issuperset(modules) and self._child is not None:
            return
        if not self._lock.acquire(blocking=False):
            return  # it is busy, and therefore ready
        try:
            child = self._running()
            if new := tuple(sorted(set(modules) - self._loaded)):
                child.send(Load(new))
                self._loaded.update(new)
        except (OSError, Unavailable) as error:
            _log.debug("the process that samples is not ready: %s", error)  # the next call begins anew
        finally:
            self._lock.release()

    def suggest(self, history: History, number: int) -> Suggestion:
        """The point for a trial; Exhausted if every point has been suggested."""
        suggestion: Suggestion = self.call("suggest", history, number)
        return suggestion

    def several(self, history: History, number: int, count: int, seconds: float) -> Sequence[Suggestion]:
        """Points for the trials of this number and up, each made as if those before it were queued already."""
        suggestions: Sequence[Suggestion] = self.call("several", history, number, count, seconds)
        return suggestions

    def promote(self, history: History, number: int) -> Promotion | None:
        """The paused trial that should go on rather than that a new one begins."""
        promotion: Promotion | None = self.call("promote", history, number)
        return promotion

    def judge(self, history: History, trial: Trial, curve: Curve, latest: Latest) -> Verdict:
        """Whether a running trial goes on after what it just reported."""
        verdict: Verdict = self.call("judge", history, trial, curve, latest)
        return verdict

    def call(self, method: str, history: History, *given: Any) -> Any:
        """Have a method of the engine carried out in the other process."""
        with self._lock:
            try:
                answer = self._ask(method, history, given)
            except (EOFError, OSError) as gone:
                if isinstance(gone, TimeoutError):
                    raise self._gave_up(f"the sampler took more than {self._patience_seconds:g} s") from gone
                _log.warning("the process that samples has died, and is started again")
                answer = self._once_more(method, history, given)
            except BaseException:
                # What was taken to be sent may not have been, and an answer may be on its way: begin anew.
                self._drop()
                raise
        if answer.raised is not None:
            raise answer.raised
        return answer.value

    def close(self) -> None:
        """End the process. A call that is under way fails at once."""
        self._closed = True
        child = self._child
        if child is not None:
            child.kill()
        with self._lock:
            self._drop()

    @property
    def ready(self) -> bool:
        """Whether a call would be answered without waiting for the process to start, or for another's call."""
        child = self._child
        if child is None or self._lock.locked():
            return False
        try:
            return self._heard or child.spoken()
        except OSError:
            return False

    @property
    def pid(self) -> int | None:
        """The process, if it has been started."""
        child = self._child
        return None if child is None else child.pid

    def _once_more(self, method: str, history: History, given: tuple[Any, ...]) -> Answer:
        self._drop()
        try:
            return self._ask(method, history, given)
        except (EOFError, OSError) as gone:
            raise self._gave_up("the process that samples died twice over one suggestion") from gone

    def _ask(self, method: str, history: History, given: tuple[Any, ...]) -> Answer:
        child = self._running()
        key = key_of(history.study)
        for piece in pieces(self._remembered(child, key).changes(history)):
            child.send(Update(key, piece))
        child.send(Call(key, history.study, history.system, method, given))
        if not self._heard:
            child.receive(self._patience_seconds)
            self._heard = True
        answer: Answer = child.receive(self._patience_seconds)
        return answer

    def _running(self) -> Child:
        if self._closed:
            raise Unavailable("the server is stopping")
        if self._child is None:
            self._child = self._start()
            self._child.send(Begin(self._options))
        return self._child

    def _remembered(self, child: Child, key: Key) -> Known:
        known = self._known.setdefault(key, Known())
        self._known.move_to_end(key)
        held = sum(map(len, self._known.values()))
        while held > self._keep_trials and len(self._known) > 1:
            idle, forgotten = self._known.popitem(last=False)
            child.send(Forget(idle))
            held -= len(forgotten)
        return known

    def _gave_up(self, why: str) -> Unavailable:
        self._drop()
        return Unavailable(why)

    def _drop(self) -> None:
        self._known.clear()
        self._loaded.clear()
        self._heard = False
        child, self._child = self._child, None
        if child is not None:
            child.close()
