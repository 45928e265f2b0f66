"""One attempt at a trial: its process runs, what it says goes to the server, and what the server says to it."""

import asyncio
import contextlib
import statistics
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from service.wire.lease import Completed, Directive, Lease, Usage
from service.wire.problem import field_errors
from service.wire.trial import NewPoint
from worker.board import Board, Shown
from worker.checkpoints import CheckpointLost, fetch
from worker.client import Client
from worker.delivery import Delivery
from worker.messages import Agreed, Command, Ended, Message, Order, Read, Reported, Saved, Started, Task
from worker.outcome import Cut, conclude, failed
from worker.retry import Gone, Refused
from worker.slots import Slot
from worker.spool import LOG, Spool
from worker.timing import Timing

_ORDERS: dict[str, Order] = {"checkpoint": "checkpoint", "pause": "pause", "stop": "stop", "drain": "preempt"}
_ENDING = frozenset({"pause", "stop", "preempt"})


class Process(Protocol):
    """The process of an attempt, as the attempt sees it."""

    def messages(self) -> AsyncIterator[Message]:
        """What it says, until it has ended. The last is always `Ended`, whether it said so itself or not."""

    async def send(self, command: Command | Agreed) -> None:
        """Tell it something; for nothing if it has ended."""

    async def end(self, *, stacks: bool = False, term: float) -> None:
        """SIGTERM to its group, and SIGKILL after `term` seconds; with `stacks` its stacks go to its log before."""

    def log_tail(self) -> str:
        """The last lines of its log."""


class Starter(Protocol):
    """Starts the process of an attempt."""

    async def __call__(self, task: Task, slot: Slot) -> Process:
        """Start it; `ProcessProblem` if that cannot be."""


class Attempt:
    """A lease, the slot it runs on, and everything that has to happen until it is completed."""

    def __init__(
        self,
        spool: Spool,
        slot: Slot,
        start: Starter,
        client: Client,
        board: Board,
        timing: Timing,
        *,
        trainer: str,
        monotonic: Callable[[], float],
    ) -> None:
        self.lease: Lease = spool.lease
        self.slot = slot
        self.obeyed: int | None = None
        """The id of the last directive that has been done."""
        self._told: int | None = None
        self._board = board
        self._timing = timing
        self._client = client
        self._start = start
        self._trainer = trainer
        self._monotonic = monotonic
        self._spool = spool
        self.folder = spool.folder
        self.delivery = Delivery(spool, self.folder / LOG, client, timing, hear=self.hear, say=board.warn)
        self._process: Process | None = None
        self._ending: asyncio.Task[None] | None = None
        self._cut: Cut | None = None
        self._order: Order | None = None
        self._ordered_at = 0.0
        self._saved_at = 0.0
        self._looked = asyncio.Event()
        self._sending: set[asyncio.Future[None]] = set()
        self._over = False
        self._began = monotonic()
        self._moved = self._held_since = self._began
        self._steps: deque[float] = deque(maxlen=51)
        self._seq = 0
        self._last_step: int | None = None
        self._shown: Shown = board.slots[slot.number]

    async def run(self) -> Completed | None:
        """Train, and bring all of it to the server. None if it was for nothing, or is left for the next start."""
        self._show()
        side = asyncio.ensure_future(self.delivery.run())
        side.add_done_callback(self._delivery_ended)
        beside = [asyncio.ensure_future(one) for one in (self._watch(), self._ask_for_checkpoints())]
        try:
            ended = await self._train()
            self._shown.phase, self._over = "sending", True
            for one in beside:
                one.cancel()
            if self._cut is not None and self._cut.kind == "gone":
                raise Gone(409, {"detail": self._cut.message})
            return await self.delivery.finish(ended, self._usage())
        except Gone as gone:
            self._board.say(f"{self.delivery.held} was given up: {gone.detail}", "warning", "gone")
            self._spool.drop()
            return None
        except Refused as refused:
            self._board.say(f"{self.delivery.held} cannot be completed: {refused.detail}", "error", "refused")
            self._spool.drop()
            return None
        finally:
            for task in (side, *beside):
                task.cancel()
            await asyncio.gather(side, *beside, return_exceptions=True)
            await self._gone_from_here()
            self._spool.close()

    @property
    def gpu(self) -> str | None:
        """The GPU it runs on."""
        return None if self.slot.gpu is None else self.slot.gpu.uuid

    @property
    def summary(self) -> str:
        """How far it came, for people."""
        shown = self._shown
        if shown.step is None or shown.last is None:
            return ""
        return f" ({shown.metric} {shown.last:.5g} at step {shown.step})"

    # --- what it is told

    def hear(self, directive: Directive) -> None:
        """The server's word on this attempt. Each is heard once, however often it is said."""
        order = _ORDERS.get(directive.type)
        if self._over or order is None or (directive.id is not None and directive.id <= (self._told or 0)):
            return
        if directive.id is None and order == self._order:
            return
        self._told = directive.id or self._told
        self.order(order, directive.reason or "")

    def order(self, order: Order, reason: str) -> None:
        """Tell the process what to do next. The first order that ends it stands."""
        if order == "checkpoint":
            self.delivery.checkpoints.want()
        if self._order in _ENDING:
            return
        self._order, self._ordered_at = order, self._monotonic()
        if order in _ENDING:
            self._shown.phase = {"pause": "pausing", "stop": "stopping", "preempt": "saving"}[order]
            self._board.say(
                f"{self.delivery.held}: {order}{f' ({reason})' if reason else ''}", event="order", order=order
            )
        if self._process is not None:
            self._send(Command(order=order, reason=reason))
        self._looked.set()

    def gone(self, why: str) -> None:
        """Somebody else has the trial, or it has ended: what is done here is for nothing."""
        self._end(Cut("gone", why))

    def hurry(self) -> None:
        """There is no more time: end the process now."""
        self._end(Cut("hurry", "the worker had to go"), term=0.0)

    # --- the process

    async def _train(self) -> Ended:
        try:
            resume = await fetch(self._client, self.lease, self.folder)
        except CheckpointLost as lost:
            return failed("infra", str(lost))
        if self._cut is not None or self._order in _ENDING:
            return conclude(None, self._order or "preempt", self._cut, "")
        self._held_since = self._monotonic()
        try:
            self._process = await self._start(self._task(resume), self.slot)
        except OSError as error:
            return failed("infra", f"its process cannot be started: {error}")
        if self._cut is not None:
            self._end(self._cut)
        elif self._order is not None:
            self._send(Command(order=self._order))
        said: Ended | None = None
        async for message in self._process.messages():
            if isinstance(message, Ended):
                said = said or message
            else:
                self._take(message)
        if self._order is not None:
            self.obeyed = self._told
        return conclude(said, self._order, self._cut, self._process.log_tail())

    def _take(self, message: Message) -> None:
        match message:
            case Started():
                self._shown.phase = "training"
                self._began = self._moved = self._monotonic()
            case Reported():
                self._point(message)
            case Read():
                self._spool.trained_on(message.fingerprint)
                self._ask_to_agree()
            case Saved():
                self._moved = self._saved_at = self._monotonic()
                self.delivery.saved(message)
                if self._order == "checkpoint":
                    self._order, self.obeyed = None, self._told
            case _:
                self._end(Cut("fault", f"its process said what only we say: {message}"))

    def _ask_to_agree(self) -> None:
        """Have the process train once the server takes its data; one with others than the study's is ended before."""
        if self.lease.data_fingerprint is None:
            asking = asyncio.ensure_future(self._agree())
            self._sending.add(asking)
            asking.add_done_callback(self._sending.discard)
            asking.add_done_callback(self._delivery_ended)

    async def _agree(self) -> None:
        await self.delivery.reporter.agree()
        self._send(Agreed())

    def _point(self, said: Reported) -> None:
        now = self._monotonic()
        if self._seq:
            self._steps.append(now - self._moved)
        self._moved = now
        if self._last_step is not None and said.step <= self._last_step:
            what = f"step {said.step} was reported after step {self._last_step}: steps must grow"
            self._end(Cut("invalid", what))
            return
        cost = said.cost if said.cost is not None or self.slot.gpu is None else said.elapsed * self.slot.share
        try:
            point = NewPoint(step=said.step, metrics=dict(said.metrics), elapsed=said.elapsed, cost=cost)
        except ValidationError as refused:
            first = field_errors(refused, {"step": said.step, "metrics": dict(said.metrics)})[0]
            self._end(Cut("invalid", f"what it reported at step {said.step} cannot be taken: {first}"))
            return
        self._seq += 1
        if self._seq == 1:  # from now on the patience is that for a step
            self._looked.set()
        self._last_step = said.step
        self._shown.point(said.step, said.metrics.get(self._shown.metric))
        self.delivery.add([(self._seq, point)])

    def _task(self, resume: Path | None) -> Task:
        lease = self.lease
        objective = lease.objectives[0] if lease.objectives else None
        return Task(
            study=lease.study,
            trial=lease.trial,
            attempt=lease.attempt,
            trainer=self._trainer,
            settings=lease.trainer.settings if lease.trainer else {},
            params=lease.params,
            seed=lease.seed,
            metric=objective.metric if objective else "",
            direction=objective.direction if objective else "minimize",
            metrics=tuple(one.metric for one in lease.objectives),
            horizon=lease.horizon,
            purpose=lease.purpose,
            steps=lease.steps,
            data_fingerprint=lease.data_fingerprint,
            waits=lease.data_fingerprint is None,
            device=self.slot.device,
            folder=str(self.folder),
            resume_step=None if resume is None else lease.resume_step,
            resume_path=None if resume is None else str(resume),
            memory_fraction=self.slot.memory_fraction,
        )

    # --- its end

    def _end(self, cut: Cut, term: float | None = None) -> None:
        """End the process; the first reason stands."""
        if self._cut is None or cut.kind in {"gone", "hurry"}:
            self._cut = self._cut if self._cut is not None and cut.kind == "hurry" else cut
        if self._process is None or (self._ending is not None and cut.kind != "hurry"):
            return
        term = self._timing.term if term is None else term
        self._ending = asyncio.ensure_future(self._process.end(stacks=cut.kind == "timeout", term=term))

    def _send(self, command: Command | Agreed) -> None:
        if self._process is not None:
            sending = asyncio.ensure_future(self._process.send(command))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

    def _delivery_ended(self, side: asyncio.Future[None]) -> None:
        if side.cancelled() or (error := side.exception()) is None:
            return
        if isinstance(error, Gone):
            self._end(Cut("gone", error.detail))
        elif isinstance(error, Refused):
            self._end(Cut("refused", f"the server refused what it reported: {error.detail}"))
        else:
            self._end(Cut("fault", f"this worker failed at it: {type(error).__name__}: {error}"))

    async def _gone_from_here(self) -> None:
        """Nothing of the process may stay behind, whatever has happened."""
        if self._process is not None:
            await self._process.end(term=0.0)
        if self._ending is not None:
            with contextlib.suppress(Exception):
                await self._ending

    async def _ask_for_checkpoints(self) -> None:
        """Have the trial save now and then, where it does not by itself: for when this node is lost."""
        while True:
            before = self._saved_at
            await asyncio.sleep(self._timing.checkpoint)
            if self._saved_at == before and self._order is None:
                self._send(Command(order="checkpoint", reason="now and then"))

    async def _watch(self) -> None:
        """End a process that is silent for too long, or takes no notice of what it is told."""
        while True:
            at, cut = self._due()
            left = at - self._monotonic()
            if left <= 0:
                self._end(cut)
                return
            self._looked.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._looked.wait(), left)

    def _due(self) -> tuple[float, Cut]:
        """When patience ends, and what for."""
        limits, usual = self.lease.limits, statistics.median(self._steps) if self._steps else 0.0
        if self._seq:
            longest = limits.step_timeout or max(self._timing.step, 10 * usual)
            what = f"no report for {longest:g} s (the step before came at step {self._last_step})"
        else:
            longest = limits.first_step_timeout or self._timing.first_step
            what = f"no report in the first {longest:g} s"
        found = [(self._moved + longest, Cut("timeout", what))]
        if limits.trial_time is not None:
            whole = f"it took longer than the {limits.trial_time:g} s that the study gives an attempt"
            found.append((self._began + limits.trial_time, Cut("timeout", whole)))
        if self._order == "stop":
            obey = max(self._timing.obey, 2 * usual)
            found.append((self._ordered_at + obey, Cut("disobeyed", f"it went on for {obey:g} s after it was stopped")))
        return min(found, key=lambda one: one[0])

    def _usage(self) -> Usage:
        # Not only while it trained: it had the slot while its libraries and its trainer were loaded.
        wall = max(0.0, self._monotonic() - self._held_since)
        return Usage(wall_seconds=wall, gpu_seconds=None if self.slot.gpu is None else wall * self.slot.share)

    def _show(self) -> None:
        lease, shown = self.lease, self._shown
        objective = lease.objectives[0] if lease.objectives else None
        shown.study, shown.trial, shown.attempt = lease.study, lease.trial, lease.attempt
        shown.phase, shown.horizon, shown.began = "starting", lease.horizon, self._monotonic()
        shown.metric = objective.metric if objective else ""
        shown.direction = objective.direction if objective else "minimize"
        shown.step = shown.last = shown.best = None
