"""What the process of an attempt does, from its first line to its last. It never returns: `os._exit` costs nothing."""

import faulthandler
import os
import signal
import socket
import sys
import types
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from trainers import command, registry
from trainers.api import Orders, Resume, Stop, Trial
from trainers.source import Train, TrainerProblem
from worker import launch, messages
from worker.child import slot, verdict
from worker.child.link import Link

SCRATCH = "scratch"
CHECKPOINTS = "checkpoints"
_SPILL = ".unsent"


def begin(channel: int, log: int) -> NoReturn:
    """Be an attempt's process: the channel is a socket to the agent, everything that is printed goes to the log."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, target)
    os.close(nothing)
    os.close(log)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    with socket.socket(fileno=channel) as sock:
        # Closed again at once: as long as it is open, so is the socket, in whatever the trainer forks.
        with sock.makefile("rb", buffering=0) as file:
            first, second = _line(file), _line(file)
        start = launch.decode(first)
        slot.settle(start)
        if start.check:
            _answer(sock, _checked(start))
        task = messages.decode(second)
        if not isinstance(task, messages.Task):
            raise ValueError(f"not a task: {task!r}")
        _attempt(sock, start, task)


def preload(specs: Sequence[str]) -> list[str]:
    """The libraries to have loaded before trials of these trainers begin."""
    return list(dict.fromkeys(name for spec in specs for name in registry.preload(spec)))


class Signals:
    """What signals mean to a trainer. SIGTERM may come from anybody; SIGUSR2 is the agent's word before SIGKILL."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def listen(self, *, to_last_word: bool) -> None:
        """Take them, and show where each thread is on SIGUSR1."""
        faulthandler.register(signal.SIGUSR1, all_threads=True)
        signal.signal(signal.SIGTERM, self._asked)
        signal.signal(signal.SIGINT, self._asked)
        signal.signal(signal.SIGUSR2, self._last_word if to_last_word else signal.SIG_IGN)

    def ignore(self) -> None:
        """From here on the trial is ended, whatever comes."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)

    def _asked(self, number: int, _frame: types.FrameType | None) -> None:
        """A scheduler that stops all processes of a node: the trial saves and is given back."""
        if self._orders.end is None:
            self._orders.give("preempt", signal.Signals(number).name)

    def _last_word(self, _number: int, _frame: types.FrameType | None) -> None:
        raise Stop(self._orders.end or "stop", self._orders.reason)


def _attempt(sock: socket.socket, start: launch.Launch, task: messages.Task) -> NoReturn:
    folder = Path(task.folder)
    scratch = folder / SCRATCH
    scratch.mkdir(parents=True, exist_ok=True)
    orders = Orders()
    link = Link(sock, orders, folder / _SPILL, waits=task.waits)
    signals = Signals(orders)
    # A program gets SIGTERM itself; what is ours waits for its end.
    signals.listen(to_last_word=not start.command)
    link.start()
    trial = Trial(
        params=task.params,
        seed=task.seed,
        folder=scratch,
        channel=link,
        number=task.trial,
        study=task.study,
        attempt=task.attempt,
        metric=task.metric,
        direction=task.direction,
        settings=task.settings,
        horizon=task.horizon,
        purpose=task.purpose,
        steps=task.steps,
        data_fingerprint=task.data_fingerprint,
        device=task.device,
        resume=_resume(task),
        checkpoints=folder / CHECKPOINTS,
        orders=orders,
    )
    ended = _trained(start, task, trial, link)
    signals.ignore()
    _flush()
    link.tell(ended)
    link.finish()
    os._exit(0)


def _trained(start: launch.Launch, task: messages.Task, trial: Trial, link: Link) -> messages.Ended:
    try:
        train = _trainer(start)
        _may_refit(train, task)
        slot.seed(task)
        link.tell(messages.Started(pid=os.getpid()))
        value = train(trial)
    except TrainerProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return verdict.unusable(problem)
    except BaseException as error:  # noqa: BLE001
        # The border to code that is not ours: whatever comes out of it is how the attempt ended.
        ended = verdict.raised(error, trial)
        if ended.outcome == "failed":
            sys.stderr.write(ended.tail or f"{ended.message}\n")
        return ended
    return verdict.returned(value, trial, task.metrics)


def _trainer(start: launch.Launch) -> Train:
    if start.command:
        return command.trainer(start.command, pattern=start.pattern, environment=start.environment)
    return registry.find(start.trainer)


def _may_refit(train: Train, task: messages.Task) -> None:
    """Refuse to refit with a trainer that does not say that it can: it would train as ever, and test nothing."""
    if task.purpose == "refit" and not getattr(train, "refits", False):
        raise TrainerProblem(
            "this trainer cannot be trained on everything and tested: it does not say `train.refits = True`"
        )


def _checked(start: launch.Launch) -> messages.Ended:
    try:
        _trainer(start)
    except TrainerProblem as problem:
        return verdict.unusable(problem)
    return messages.Ended(outcome="completed")


def _answer(sock: socket.socket, ended: messages.Ended) -> NoReturn:
    _flush()
    sock.sendall(messages.encode(ended))
    os._exit(0)


def _resume(task: messages.Task) -> Resume | None:
    if task.resume_path is None or task.resume_step is None:
        return None
    return Resume(task.resume_step, Path(task.resume_path))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue


def _line(file: Any) -> bytes:
    line: bytes = file.readline()
    if not line.endswith(b"\n"):
        # The agent is gone, or has thought better of it.
        os._exit(0)
    return line
