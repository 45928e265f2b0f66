"""The engine of a server: light calls are answered by the thread that makes them, heavy ones by another process."""

from collections.abc import Mapping

from service.domain.trial import Trial
from service.search import auto
from service.search.remote.engine import RemoteEngine
from service.usecases.engine import Curve, Ended, Ending, Engine, History, Latest, Promotion, Suggestion, Verdict

MANY_TRIALS = 2_000
_LIGHT = frozenset({"tpe", "cmaes", "random", "qmc", "grid", "brute_force", "nsga2", "nsga3"})


def heavy(history: History) -> bool:
    """Whether a suggestion takes so long that everybody who waits for an answer of this process would notice.

    Threads share one interpreter. A Gaussian process thinks for 0.1 s to several seconds, of points or of curves, and
    from about 2,000 trials on TPE takes tens of milliseconds. The others need 0.5 to 10 ms, less than it is worth to
    bring another process up to date. `auto` begins with points that no model makes.
    """
    if len(history.trials) >= MANY_TRIALS:
        return True
    definition = history.study.definition
    sampler = definition.sampler
    if sampler.type == "auto":
        return len(history.trials) >= auto.STARTUP and auto.plan(definition).model.name not in _LIGHT
    if getattr(sampler, "observe", None) == "extrapolated":
        return len(history.trials) >= auto.STARTUP
    return sampler.type not in _LIGHT


def heavy_to_promote(history: History) -> bool:
    """Whether choosing a paused trial to go on with is heavy: the scheduler `auto` asks a model of the curves."""
    return heavy(history) or (history.study.definition.scheduler.type == "auto" and len(history.trials) >= auto.STARTUP)


class DividedEngine:
    """Two engines that answer alike. Verdicts and notes on ends are light; some suggestions and promotions are not."""

    def __init__(self, here: Engine, there: RemoteEngine) -> None:
        self.name = here.name
        self._here = here
        self._there = there

    def suggest(self, history: History, number: int) -> Suggestion:
        """The point for a trial; Exhausted if every point has been suggested."""
        return (self._there if heavy(history) else self._here).suggest(history, number)

    def promote(self, history: History, number: int) -> Promotion | None:
        """The paused trial that should go on rather than that a new one begins."""
        return (self._there if heavy_to_promote(history) else self._here).promote(history, number)

    def judge(self, history: History, trial: Trial, curve: Curve, latest: Latest) -> Verdict:
        """Whether a running trial goes on after what it just reported."""
        return self._here.judge(history, trial, curve, latest)

    def ended(self, history: History, trial: Trial, curve: Curve, ending: Ending, values: Mapping[str, float]) -> Ended:
        """What the sampler wants to remember of an end."""
        return self._here.ended(history, trial, curve, ending, values)

    def close(self) -> None:
        """End the other process."""
        self._there.close()
