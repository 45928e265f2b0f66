"""`basin worker`: what its command line says is read here, and here its parts meet."""

import asyncio
import contextlib
import os
import random
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from worker import config, options
from worker.agent import Agent, Outside
from worker.board import Board, Shown
from worker.client import Client
from worker.config import Named
from worker.identity import take
from worker.introduction import Plan
from worker.launch import Launch
from worker.machine import Gpus, chosen, cores
from worker.messages import Task
from worker.options import Options
from worker.problems import FAILED, WorkerProblem
from worker.process import Process, Processes, ProcessProblem, TrainerProblem
from worker.retry import Link
from worker.screen import Screen
from worker.signals import Signals
from worker.slots import Slot
from worker.timing import Timing
from worker.views import JsonLines, Plain, clean, progress

if TYPE_CHECKING:  # only for a dry run
    from service.wire.study import StudyDefinition

DEFAULT_SERVER = "http://127.0.0.1:8420"
_STATUS_EVERY = 60.0


def command(
    arguments: Sequence[str],
    *,
    server: str | None = None,
    token: str | None = None,
    output: str | None = None,
    study: Callable[[str], "StudyDefinition"] | None = None,
) -> int:
    """Run `basin worker` with what stands behind it; answers the exit code.

    `server`, `token` and `output` were said before its name; `study` reads a study file.
    """
    given = options.read(arguments)
    if isinstance(given, int):
        return given
    try:
        if given.command and "--" not in arguments:
            raise WorkerProblem(f"'{given.command[0]}' is no option", hint="A command stands behind --")
        worker = _Worker(given, os.environ, server, token, output)
        return asyncio.run(worker.try_one(study) if given.dry_run else worker.work())
    except WorkerProblem as problem:
        sys.stderr.write(f"error: {clean(str(problem))}\n")
        if problem.hint:
            sys.stderr.write(f"hint: {clean(problem.hint)}\n")
        return problem.exit_code


class _Worker:
    """Everything that one run of the command is made of."""

    def __init__(
        self,
        given: Options,
        environ: Mapping[str, str],
        server: str | None,
        token: str | None,
        output: str | None,
    ) -> None:
        self.given = given
        self.environ = environ
        self.server = config.server(given.server or server or environ.get("BASIN_SERVER") or DEFAULT_SERVER)
        self.token = config.token(given.token_file, environ, token)
        self.output = _output(given.output or ("json" if output == "json" else "auto"))
        self.trainers = config.trainers(given.trainer, given.command)
        self.name = config.name(given.name or socket.gethostname())
        self.gpus = Gpus.here(environ)
        self.slots = config.slots(chosen(self.gpus, given.gpus), given.slots_per_gpu, given.slots, cores())
        self.timing = Timing(
            grace=_seconds(given.grace, "--grace"),
            reserve=_seconds(given.grace, "--grace") / 5,
            checkpoint=_seconds(given.checkpoint_every, "--checkpoint-every"),
        )

    async def work(self) -> int:
        """Be a worker until there is a reason to end."""
        plan = self._plan()
        folder = self.given.workdir.expanduser().resolve()
        identity = take(folder, id=str(uuid.uuid4()), instance=uuid.uuid4().hex)
        board = Board(name=plan.name, server=self.server, slots=_shown(plan.slots))
        link = Link(board.warn, random.random, monotonic=time.monotonic)
        board.away = lambda: link.away
        with contextlib.closing(identity), self._view(board):
            async with self._processes(folder / "processes.log") as processes:
                await self._check(processes)
                client = Client(self.server, self.token, link, version=plan.version)
                outside = Outside(monotonic=time.monotonic, now=_now, draw=lambda: uuid.uuid4().hex, gpus=self.gpus.use)
                start = _Starter(processes, self.trainers, self.given.metric_pattern, self.environ)
                agent = Agent(plan, identity, client, start, board, self.timing, outside)
                signals = Signals(agent, board)
                status = asyncio.ensure_future(_status(board)) if self.output != "live" else None
                with signals.handled():
                    try:
                        await agent.run()
                    finally:
                        if status is not None:
                            status.cancel()
                board.say(f"{plan.name} has ended", event="ended")
                return signals.exit_code

    async def try_one(self, study: Callable[[str], "StudyDefinition"] | None) -> int:
        """Run one trial without a server."""
        from worker import dry_run, sampling  # they know all of a study: other runs are ready sooner without

        given = self.given
        definition = study(given.study_file) if study is not None and given.study_file is not None else None
        params = config.params(given.param)
        point = params if definition is None else sampling.point(definition.space, params, given.seed)
        trial = dry_run.Trial.of(self._tried(definition), point, definition, given.metric, given.seed or 0)
        given.workdir.mkdir(parents=True, exist_ok=True)
        async with self._processes(given.workdir / "processes.log") as processes:
            await self._check(processes)
            start = _Starter(processes, self.trainers, given.metric_pattern, self.environ)
            return await dry_run.run(trial, self.slots[0], start, sys.stdout, given.workdir.resolve())

    def _tried(self, study: "StudyDefinition | None") -> str:
        names = [one.name for one in self.trainers]
        wanted = study.trainer.name if study is not None and study.trainer is not None else None
        if wanted is not None and wanted not in names:
            raise WorkerProblem(
                f"--study-file: the study wants the trainer {wanted}, and --trainer names {', '.join(names)}"
            )
        if wanted is None and len(names) > 1:
            raise WorkerProblem("--dry-run runs one trial: name one --trainer")
        return wanted or names[0]

    def _plan(self) -> Plan:
        given = self.given
        return Plan(
            name=self.name,
            version=_version(),
            trainers=tuple(one.name for one in self.trainers),
            labels=config.labels(given.labels),
            selectors=config.selectors(given.selector),
            slots=self.slots,
            exit_when_idle=config.seconds(given.exit_when_idle, "--exit-when-idle"),
            max_trials=given.max_trials,
        )

    @contextlib.asynccontextmanager
    async def _processes(self, log: Path):  # type: ignore[no-untyped-def]
        processes = Processes(log, self.environ, [one.spec for one in self.trainers if one.spec])
        try:
            yield processes
        finally:
            await processes.close()

    async def _check(self, processes: Processes) -> None:
        """A trainer that cannot be used takes no trial."""
        for named in self.trainers:
            try:
                await processes.check(_launch(named, self.given.metric_pattern, self.environ))
            except TrainerProblem as problem:
                raise WorkerProblem(f"--trainer {named.spec or named.name}: {problem}") from None
            except ProcessProblem as problem:
                raise WorkerProblem(str(problem), exit_code=FAILED) from None

    @contextlib.contextmanager
    def _view(self, board: Board) -> Iterator[None]:
        if self.output == "live":
            screen = Screen(board, _now)
            screen.open()
            board.views.append(screen)
        else:
            board.views.append(JsonLines(_now) if self.output == "json" else Plain(_now))
        try:
            yield
        finally:
            for view in board.views:
                view.close()


class _Starter:
    """Starts what a worker was given, on a slot."""

    def __init__(
        self, processes: Processes, trainers: Sequence[Named], pattern: str | None, environ: Mapping[str, str]
    ) -> None:
        self._processes = processes
        self._launches = {one.name: (one, pattern) for one in trainers}
        self._environ = environ

    async def __call__(self, task: Task, slot: Slot) -> Process:
        named, pattern = self._launches[task.trainer]
        return await self._processes.start(task, _launch(named, pattern, {**self._environ, **slot.environment}))


def _launch(named: Named, pattern: str | None, environ: Mapping[str, str]) -> Launch:
    # What is given to the worker alone must not come into the hands of what it trains.
    kept = {name: value for name, value in environ.items() if name != "BASIN_TOKEN"}
    return Launch(trainer=named.spec, command=named.command, pattern=pattern, environment=kept, directory=os.getcwd())


async def _status(board: Board) -> None:
    while True:
        await asyncio.sleep(_STATUS_EVERY)
        if any(slot.phase != "free" for slot in board.slots):
            text, fields = progress(board)
            board.say(text, "info", "progress", **fields)


def _shown(slots: Sequence[Slot]) -> list[Shown]:
    return [Shown(slot=slot.number, device=slot.name) for slot in slots]


def _output(wanted: str) -> str:
    if wanted == "auto":
        return "live" if sys.stdout.isatty() else "plain"
    if wanted not in get_args(options.Output):
        raise WorkerProblem(f"--output {wanted}: must be live, plain or json")
    return wanted


def _seconds(given: str, flag: str) -> float:
    found = config.seconds(given, flag)
    assert found is not None
    return found


def _version() -> str:
    try:
        return version("basin")
    except PackageNotFoundError:  # run from its sources
        return "0+unknown"


def _now() -> datetime:
    return datetime.now(UTC)
