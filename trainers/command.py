"""A program as a trainer: any command, in any language. Its metrics are read from what it prints.

There is no shell: an argument stays one argument, whatever a parameter's value holds.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainers.api import Failed, Stop, Trial
from trainers.source import Train, TrainerProblem

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_NUMBER_AT_END = re.compile(r"(\d+)(?:\.\w+)*$")
_UNFINISHED = (".tmp", ".part", ".partial")
_LONGEST_LINE = 1 << 20


def trainer(command: Sequence[str], *, pattern: str | None, environment: Mapping[str, str]) -> Train:
    """A training function that runs the command. `pattern` names metrics by its groups, and the step by `step`."""
    if not command:
        raise TrainerProblem("the command is empty: write it behind --, such as -- python train.py --lr {lr}")
    matcher = compiled(pattern)

    def train(trial: Trial) -> None:
        _Run(command, matcher, environment, trial).run()

    return train


def compiled(pattern: str | None) -> re.Pattern[str] | None:
    """The pattern for metrics, if there is one and it is fit."""
    if pattern is None:
        return None
    try:
        matcher = re.compile(pattern)
    except re.error as error:
        raise TrainerProblem(f"the pattern for metrics is no regular expression: {error}") from error
    if not set(matcher.groupindex) - {"step"}:
        raise TrainerProblem("the pattern for metrics names none: write a group such as (?P<val_loss>[0-9.e+-]+)")
    return matcher


def filled(command: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """The command with each `{name}` replaced by its value as a whole; `{{` and `}}` are braces."""

    def value(match: re.Match[str]) -> str:
        if match[0] in {"{{", "}}"}:
            return match[0][0]
        if match[1] not in values:
            known = ", ".join(sorted(values))
            raise ValueError(f"the command asks for {{{match[1]}}}, which there is not; there are {known}")
        return text(values[match[1]])

    return [_PLACE.sub(value, argument) for argument in command]


def text(value: Any) -> str:
    """A value as an argument: as JSON writes it, texts without their quotes."""
    return value if isinstance(value, str) else json.dumps(value)


class _Run:
    """One run of the program."""

    def __init__(
        self, command: Sequence[str], matcher: re.Pattern[str] | None, environment: Mapping[str, str], trial: Trial
    ) -> None:
        self._trial = trial
        self._matcher = matcher
        self._drop = trial.folder / "checkpoints"
        self._drop.mkdir(parents=True, exist_ok=True)
        self._taken: set[str] = set()
        self._step = trial.resume.step if trial.resume else 0
        told = {
            "trial.seed": trial.seed,
            "trial.number": trial.number,
            "trial.device": trial.device,
            "trial.folder": str(trial.folder),
            "trial.checkpoints": str(self._drop),
            "trial.resume": self._resume(),
        }
        self._argv = filled(command, {**told, **trial.params})
        self._environment = {
            **environment,
            "PYTHONUNBUFFERED": "1",
            "BASIN_TRIAL_PARAMS": json.dumps(trial.params),
            "BASIN_TRIAL_SETTINGS": json.dumps(trial.settings),
            "BASIN_TRIAL_STUDY": trial.study,
            "BASIN_TRIAL_HORIZON": "" if trial.horizon is None else str(trial.horizon),
            **{f"BASIN_{name.upper().replace('.', '_')}": text(value) for name, value in told.items()},
        }

    def run(self) -> None:
        """Run it to its end, and answer for that."""
        try:
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                env=self._environment,
            )
        except OSError as error:
            raise Failed("user_error", f"the command cannot be started: {self._argv[0]}: {error.strerror}") from error
        watcher = threading.Thread(target=self._watch, args=(process,), daemon=True)
        watcher.start()
        # Asking makes `report` leave the ending to the watcher.
        self._trial.should_stop()
        for line in self._lines(process):
            self._read(line)
        status = process.wait()
        self._take_checkpoints()
        end = self._trial.should_stop()
        if end is not None:
            raise Stop(end, self._trial.orders.reason)
        if status:
            raise Failed(*_why(status, self._argv[0]))

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        """Hand an order to end on to the program, as SIGTERM."""
        orders = self._trial.orders
        while process.poll() is None:
            if orders.given.wait(timeout=1.0):
                orders.given.clear()
                if orders.end is not None:
                    process.terminate()

    def _lines(self, process: "subprocess.Popen[bytes]") -> Iterator[str]:
        assert process.stdout is not None
        with process.stdout as out:
            while line := out.readline(_LONGEST_LINE):
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
                yield line.decode(errors="replace").strip()

    def _read(self, line: str) -> None:
        told = _json(line) if self._matcher is None else self._matched(line)
        if not told:
            return
        step = told.pop("step", self._step + 1)
        if not told:
            return
        try:
            self._trial.report(int(step), told)
            self._step = int(step)
        except (TypeError, ValueError) as error:
            self._trial.log(f"basin: this line is no point of the curve: {error}")
            return
        self._take_checkpoints()

    def _matched(self, line: str) -> dict[str, float]:
        assert self._matcher is not None
        match = self._matcher.search(line)
        found: dict[str, float] = {}
        for name, value in (match.groupdict() if match else {}).items():
            try:
                found[name] = float(value)
            except (TypeError, ValueError):
                continue
        return found

    def _take_checkpoints(self) -> None:
        """What has appeared whole in the program's folder for checkpoints is one: by the number in its name."""
        new = [one for one in self._drop.iterdir() if one.name not in self._taken and not _is_unfinished(one)]
        for path in sorted(new, key=lambda one: (self._step_of(one), one.name)):
            self._taken.add(path.name)
            self._trial.checkpoint(path, step=self._step_of(path))

    def _step_of(self, path: Path) -> int:
        found = _NUMBER_AT_END.search(path.name)
        return int(found[1]) if found else self._step

    def _resume(self) -> str:
        resume = self._trial.resume
        if resume is None:
            return ""
        with resume.path.open("rb") as file:
            is_folder = file.read(262)[257:] == b"ustar"
        return str(resume.load() if is_folder else resume.path)


def _json(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    # Names and notes among them are the program's own affair.
    return {name: one for name, one in told.items() if isinstance(one, int | float) and not isinstance(one, bool)}


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(".") or path.name.endswith(_UNFINISHED)


def _why(status: int, program: str) -> tuple[str, str, int | None]:
    name = os.path.basename(program)
    if status < 0:
        sign = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        return "crash", f"{name} was ended by {sign}", -status
    return "user_error", f"{name} ended with status {status}: its last lines are in the trial's log", None
