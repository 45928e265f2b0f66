"""The engine of a server: light calls are answered by the thread that makes them, heavy ones by two other processes."""

from collections.abc import Callable, Sequence
from typing import Literal

from service.domain.trial import Trial
from service.search import ahead, auto
from service.search.remote.engine import RemoteEngine
from service.usecases.engine import Curve, Engine, History, Latest, Promotion, Suggestion, Verdict
from service.wire.sampler import GpSampler, TpeSampler
from service.wire.study import StudyDefinition

Weight = Literal["light", "brisk", "slow"]
MANY_TRIALS = 2_000
MANY_FOR_TPE = 20
_SOON = 200
_LIGHT = frozenset({"tpe", "cmaes", "random", "qmc", "grid", "brute_force", "nsga2", "nsga3"})
_TORCH = ("torch", "optuna._gp.gp")
_SCIKIT = ("sklearn.gaussian_process",)


def weight(history: History) -> Weight:
    """How long a suggestion takes: `brisk` is some ten milliseconds, `slow` are tenths of a second to several seconds.

    Threads share one interpreter, so everybody who waits for an answer of this process would notice either. A Gaussian
    process is slow, of points or of curves. TPE takes 3 ms to begin with and fifty times that at ten thousand trials,
    and is asked a few times for each result. The others need 0.5 to 5 ms, less than it is worth to bring another
    process up to date. `gp` and `auto` begin with points that no model makes.
    """
    definition = history.study.definition
    if len(history.trials) < _light_until(definition):
        return "light"
    return "slow" if modelled(definition) else "brisk"


def weight_to_promote(history: History) -> Weight:
    """How long choosing a paused trial to go on with takes: the scheduler `auto` asks a model of the curves."""
    if history.study.definition.scheduler.type == "auto" and len(history.trials) >= auto.STARTUP:
        return "slow"
    return weight(history)


def modelled(definition: StudyDefinition) -> bool:
    """Whether a study's suggestions come to be made by a Gaussian process."""
    sampler = definition.sampler
    if sampler.type == "auto":
        return auto.plan(definition).model.name not in _LIGHT
    return getattr(sampler, "observe", None) == "extrapolated" or sampler.type not in _LIGHT


class DividedEngine:
    """Engines that answer alike. Verdicts are light; some suggestions and promotions are not.

    Who needs ten milliseconds does not stand behind who needs seconds: each has a process of its own. The slow one is
    started, and loads what it will need, while its first study still gets its light suggestions. What light ones need
    is loaded here, by `load`.
    """

    def __init__(
        self,
        here: Engine,
        brisk: RemoteEngine,
        slow: RemoteEngine,
        *,
        load: Callable[[Sequence[str]], None] = ahead.load_beside,
    ) -> None:
        self.name = here.name
        self._here = here
        self._brisk = brisk
        self._slow = slow
        self._load = load
        self._loaded: set[str] = set()

    def suggest(self, history: History, number: int) -> Suggestion:
        """The point for a trial; Exhausted if every point has been suggested."""
        return self._for(history).suggest(history, number)

    def several(self, history: History, number: int, count: int, seconds: float) -> Sequence[Suggestion]:
        """Points for the trials of this number and up, each made as if those before it were queued already."""
        return self._for(history).several(history, number, count, seconds)

    def promote(self, history: History, number: int) -> Promotion | None:
        """The paused trial that should go on rather than that a new one begins."""
        return self._at(weight_to_promote(history)).promote(history, number)

    def judge(self, history: History, trial: Trial, curve: Curve, latest: Latest) -> Verdict:
        """Whether a running trial goes on after what it just reported."""
        return self._here.judge(history, trial, curve, latest)

    def make_ready(self, definition: StudyDefinition, trials: int = 0) -> None:
        """Start the process that will make a study's suggestions sooner or later; nobody waits for that."""
        self.load(definition, trials)
        if modelled(definition) or definition.scheduler.type == "auto":
            self._slow.make_ready(_needed(definition))
        elif _is_tpe(definition) or trials >= MANY_TRIALS - _SOON:
            self._brisk.make_ready(ahead.needed(definition))

    def load(self, definition: StudyDefinition, trials: int = 0) -> None:
        """Load here what a study's light suggestions need, if some are still to come; nobody waits for that."""
        if trials >= _light_until(definition):
            return
        if new := [module for module in ahead.needed(definition) if module not in self._loaded]:
            self._loaded.update(new)
            self._load(new)

    def close(self) -> None:
        """End the other processes."""
        self._brisk.close()
        self._slow.close()

    def _for(self, history: History) -> Engine:
        """Who makes suggestions at this moment of a study."""
        heft, trials = weight(history), len(history.trials)
        if heft == "brisk" and trials < MANY_TRIALS and not self._brisk.ready:
            heft = "light"  # it is a matter of milliseconds: here they pass sooner than a process starts
        if heft == "light":
            self.make_ready(history.study.definition, trials)
        return self._at(heft)

    def _at(self, heft: Weight) -> Engine:
        return {"light": self._here, "brisk": self._brisk, "slow": self._slow}[heft]


def _is_tpe(definition: StudyDefinition) -> bool:
    sampler = definition.sampler
    return isinstance(sampler, TpeSampler) or (sampler.type == "auto" and auto.plan(definition).model.name == "tpe")


def _light_until(definition: StudyDefinition) -> int:
    """How many trials there are before suggestions are heavy: before a model is asked, or there is much to look at."""
    if not modelled(definition):
        return MANY_FOR_TPE if _is_tpe(definition) else MANY_TRIALS
    sampler = definition.sampler
    return sampler.startup_trials if isinstance(sampler, GpSampler) else auto.STARTUP


def _needed(definition: StudyDefinition) -> tuple[str, ...]:
    """The modules that a study's models are made with: they take seconds to load."""
    by_points = isinstance(definition.sampler, GpSampler) or (
        definition.sampler.type == "auto" and auto.plan(definition).model.name == "gp"
    )
    by_curves = definition.scheduler.type == "auto" or not by_points
    return (*(_TORCH if by_points else ()), *(_SCIKIT if by_curves else ()))
