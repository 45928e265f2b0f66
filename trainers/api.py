"""What a training function is given: a trial, which holds its parameters and takes its learning curve. No torch here.

A function may read `trial.params` or call Optuna's `suggest_*`; it needs to import nothing. Whoever asks
`should_stop()` (or Optuna's `should_prune()`) ends by itself; whoever never asks is ended by `report`, which raises
`Stop`. Where a checkpoint is wanted first, `report` waits for it: see `_obey`.
"""

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from trainers import checkpoint, dialect

_FINGERPRINT = re.compile("[0-9a-f]{64}")
Scalar = bool | int | float | str | None
End = Literal["pause", "stop", "preempt"]
Order = Literal["checkpoint", "pause", "stop", "preempt"]


class Stop(BaseException):
    """Raised to end a training function before its time. No `except Exception` catches it."""

    def __init__(self, order: End = "stop", reason: str = "") -> None:
        super().__init__(reason or order)
        self.order: End = order
        self.reason = reason


class Failed(Exception):
    """A trainer's end that is a failure of a known class, such as 'oom', 'nan', 'infeasible', 'crash', 'infra'."""

    def __init__(self, failure_class: str, message: str, signal: int | None = None) -> None:
        super().__init__(message)
        self.failure_class = failure_class
        self.signal = signal


Function = TypeVar("Function", bound=Callable[..., Any])


def refits(train: Function) -> Function:
    """Say of a training function that it knows what to do when `trial.purpose` is 'refit'."""
    train.__dict__["refits"] = True
    return train


class Channel(Protocol):
    """Where a trial's news go. None of its methods may wait."""

    def reported(self, step: int, metrics: Mapping[str, float], elapsed: float, cost: float | None) -> None:
        """One point of the curve."""

    def saved(self, step: int, file: checkpoint.Written) -> None:
        """A checkpoint that stands whole on disk."""

    def read(self, fingerprint: str) -> None:
        """Which data it is trained on. It alone may wait, for whether they are those of the study."""


class Orders:
    """What a trial has been told to do. Given by one thread, read by another: plain attributes, no lock."""

    def __init__(self) -> None:
        self.end: End | None = None
        self.reason = ""
        self.save = False
        self.given = threading.Event()

    def give(self, order: Order, reason: str = "") -> None:
        """Take an order. A later one stands in for an earlier one, but for `stop`, which stays."""
        if order == "checkpoint":
            self.save = True
        elif self.end != "stop":
            self.end, self.reason = order, reason
        self.given.set()


class Resume:
    """The checkpoint that a trial goes on from."""

    def __init__(self, step: int, path: Path) -> None:
        self.step = step
        self.path = path

    def load(self) -> Any:
        """What `trial.checkpoint` was given: a state, on the CPU, or the folder's path. Nothing is unpickled."""
        return checkpoint.load(self.path)


class Trial:
    """One point of a search space, on its way through training.

    `purpose` is 'search', or for another run of a trial 'confirm', 'refit' or 'reproduce'. Who says that it `refits`
    trains then for so many `steps` on all data but the sealed test split, reports `test_...` metrics of that, and
    leaves the model as its last checkpoint.
    """

    def __init__(
        self,
        *,
        params: Mapping[str, Scalar],
        seed: int,
        folder: Path,
        channel: Channel,
        number: int = 0,
        study: str = "",
        attempt: int = 1,
        metric: str = "value",
        direction: Literal["minimize", "maximize"] = "minimize",
        settings: Mapping[str, Any] | None = None,
        horizon: int | None = None,
        purpose: str = "search",
        steps: int | None = None,
        data_fingerprint: str | None = None,
        device: str = "cpu",
        resume: Resume | None = None,
        checkpoints: Path | None = None,
        orders: Orders | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.params = dict(params)
        self.seed = seed
        self.folder = folder
        self.number = number
        self.study = study
        self.attempt = attempt
        self.metric = metric
        self.direction = direction
        self.settings = dict(settings or {})
        self.horizon = horizon
        self.purpose = purpose
        self.steps = steps
        self.data_fingerprint = data_fingerprint
        self.device = device
        self.resume = resume
        self.user_attrs: dict[str, Any] = {}
        self.orders = orders or Orders()
        self.obeyed: End | None = None
        self.last: dict[str, float] = {}
        self._channel = channel
        self._checkpoints = checkpoints or folder / "checkpoints"
        self._clock = clock
        self._began = clock()
        self._pid = os.getpid()
        self._step = resume.step if resume else 0
        self._any = False
        self._saved: int | None = None
        self._held: list[tuple[int, checkpoint.Written]] = []
        self._saver: Callable[[], Any] | None = None
        self._asks = False
        self._suggests = False

    # --- telling

    def report(self, *told: Any, **named: Any) -> None:
        """Tell one point: `report(step, loss)`, `report(step, {"val_loss": 0.3})`, `report(step, val_loss=0.3)`.

        Steps are whole numbers that grow. It takes microseconds and never waits. Optuna's `report(value, step)` is
        understood as well: by the types, and where both are whole numbers by whether `suggest_*` was called.
        """
        step, metrics, cost = dialect.point(told, named, metric=self.metric, optuna=self._suggests)
        if os.getpid() != self._pid:
            raise RuntimeError("report from the process that was given the trial: another one has no way to the worker")
        self.last = metrics
        if not self._is_known(step):
            self._channel.reported(step, metrics, self._clock() - self._began, cost)
            self._step, self._any = step, True
            if self._held:
                self._tell_held()
        if self.orders.end is not None or self.orders.save:
            self._obey()

    def checkpoint(self, state: Any, step: int | None = None) -> Path | None:
        """Keep a state of training: tensors, arrays and plain data in dicts and lists, or the path of a file or folder.

        It belongs to the step that was reported last, unless `step` says otherwise; one that is still to be reported
        is fine. When this returns it stands whole on disk. A full disk is told in the log and answered with None.
        """
        at = self._step if step is None else step
        # Before it is written: an order that comes meanwhile is another one.
        self.orders.save = False
        written = checkpoint.save(state, self._checkpoints, at)
        if written is None:
            self.log(f"basin: no space left for the checkpoint of step {at}; training goes on without it")
            return None
        self._saved = at
        self._held.append((at, written))
        self._tell_held()
        if self.orders.end in {"pause", "preempt"} and not self._asks and at >= self._step:
            self._end()
        return written.path

    def on_checkpoint(self, save: Callable[[], Any]) -> None:
        """Have `report` call this for a state (or a path) whenever a checkpoint is wanted."""
        self._saver = save

    def log(self, text: object) -> None:
        """Write a line to the trial's log, as `print` does."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def trains_on(self, fingerprint: str) -> None:
        """Say which data these are, by their SHA-256 in hexadecimal, before training begins.

        It ends here as `user_error` if the study's first trial was trained on others: their results do not compare.
        """
        if _FINGERPRINT.fullmatch(fingerprint) is None:
            raise ValueError(f"trains_on: {fingerprint!r} is no SHA-256 in hexadecimal: 64 digits and letters a to f")
        if self.data_fingerprint not in {None, fingerprint}:
            raise Failed(
                "user_error",
                f"the data here have fingerprint {fingerprint}, but the study's first trial was trained on data with "
                f"{self.data_fingerprint}: give this worker the same data, or make a new study for these",
            )
        self._channel.read(fingerprint)
        if self.orders.end is not None and not self._asks:
            self._end()

    # --- asking

    def should_stop(self) -> End | None:
        """Whether to end now, and how: `stop`, or after a checkpoint `pause` or `preempt`. Costs nothing to ask."""
        self._asks = True
        end = self.orders.end
        if end is not None:
            self.obeyed = end
        return end

    def should_prune(self) -> bool:
        """Optuna's word for it."""
        return self.should_stop() is not None

    def should_checkpoint(self) -> bool:
        """Whether somebody waits for a checkpoint."""
        orders = self.orders
        if orders.end in {"pause", "preempt"}:
            return self._saved != self._step
        return orders.save

    # --- Optuna's verbs

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The parameter's value; the study's space chose it."""
        self._suggests = True
        return dialect.real(self.params, name, low, high)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """The parameter's value; the study's space chose it."""
        self._suggests = True
        return dialect.whole(self.params, name, low, high)

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """The parameter's value, as it stands among the choices; the study's space chose it."""
        self._suggests = True
        return dialect.choice(self.params, name, choices)

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """Optuna's older word for `suggest_float`."""
        return self.suggest_float(name, low, high)

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """Optuna's older word for `suggest_float` on a logarithmic scale."""
        return self.suggest_float(name, low, high, log=True)

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """Optuna's older word for `suggest_float` with steps."""
        return self.suggest_float(name, low, high, step=q)

    def set_user_attr(self, key: str, value: Any) -> None:
        """Remember something about this trial: it goes to the log."""
        self.user_attrs[key] = value
        self.log(f"{key} = {value!r}")

    # --- inside

    def _is_known(self, step: int) -> bool:
        if self.resume is not None and step <= self.resume.step:
            return True
        if step > self._step or not self._any:
            return False
        if self._suggests:
            return True
        raise ValueError(f"report: step {step} comes after step {self._step}, but steps must grow")

    def _tell_held(self) -> None:
        ready = [one for one in self._held if one[0] <= self._step]
        self._held = [one for one in self._held if one[0] > self._step]
        for step, written in ready:
            self._channel.saved(step, written)

    def _obey(self) -> None:
        """Save where that is wanted, then end where nobody asks.

        A trainer that keeps checkpoints by its own calls is let go on to the next of them, and ended there.
        """
        if self._saver is not None and self.should_checkpoint():
            asks, self._asks = self._asks, True
            try:
                self.checkpoint(self._saver())
            finally:
                self._asks = asks
        end = self.orders.end
        if end is None or self._asks:
            return
        own = self._saver is None and self._saved is not None
        if end == "stop" or not own or self._saved == self._step:
            self._end()

    def _end(self) -> None:
        self.obeyed = self.orders.end
        raise Stop(self.orders.end or "stop", self.orders.reason)
