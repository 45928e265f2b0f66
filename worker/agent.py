"""The agent: introduces itself, takes as many trials as it has free slots, and leaves without losing anything."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from service.wire.lease import Lease, Usage
from service.wire.worker import Acquire, Acquired, GpuUse, HeartbeatAnswer
from worker import leftovers
from worker.attempt import Attempt, Starter
from worker.board import Board
from worker.client import Client, Held
from worker.heartbeat import Pulse
from worker.identity import Identity
from worker.introduction import Plan, introduce, problem_of
from worker.outcome import complete, failed
from worker.retry import Denied, Refused
from worker.spool import Spool, folder_of
from worker.timing import Timing

Haste = Literal["drain", "leave", "abort"]
_LARGEST_SKEW = 30.0
_MOST_AT_ONCE = 64
_SOON = 1.0


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Clocks, randomness and the machine, as functions."""

    monotonic: Callable[[], float]
    now: Callable[[], datetime]
    draw: Callable[[], str]
    gpus: Callable[[], tuple[GpuUse, ...]]


class Agent:
    """One worker, from its start to its end."""

    def __init__(
        self,
        plan: Plan,
        identity: Identity,
        client: Client,
        start: Starter,
        board: Board,
        timing: Timing,
        outside: Outside,
    ) -> None:
        self.plan = plan
        self._identity = identity
        self._client = client
        self._start = start
        self._board = board
        self._timing = timing
        self._outside = outside
        self._free = list(plan.slots)
        self._running: dict[Held, Attempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._haste: Haste | None = None
        self._hastened = asyncio.Event()
        self._ending = asyncio.Event()
        self._may_take = asyncio.Event()
        self._slot_free = asyncio.Event()
        self._taken = 0
        self._idle_since = outside.monotonic()
        self._skew_told = False
        self._introducing = asyncio.Lock()
        self._may_take.set()
        self._pulse = Pulse(
            client,
            identity.id,
            identity.instance,
            lambda: self._running,
            outside.gpus,
            outside.now,
            self._hear,
        )

    @property
    def attempts(self) -> Path:
        """Where the spools of attempts lie."""
        return self._identity.folder / "attempts"

    # --- from outside

    def hasten(self, haste: Haste) -> None:
        """End: `drain` once what runs has ended, `leave` with what runs checkpointed, `abort` at once."""
        order = ("drain", "leave", "abort")
        if self._haste is None or order.index(haste) > order.index(self._haste):
            self._haste = haste
            self._board.state = "draining" if haste == "drain" else "leaving"
            self._hastened.set()
            self._ending.set()
            self._slot_free.set()
            self._may_take.set()

    async def run(self) -> None:
        """Work until there is a reason to end. A WorkerProblem says why it could not go on."""
        serving = asyncio.ensure_future(self._serve())
        try:
            while not serving.done():
                hastened = asyncio.ensure_future(self._hastened.wait())
                await asyncio.wait({serving, hastened}, return_when=asyncio.FIRST_COMPLETED)
                hastened.cancel()
                self._hastened.clear()
                if self._haste in {"leave", "abort"} and not serving.done():
                    break
            if serving.done():
                serving.result()
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await self._end_what_runs()
            await self._say_goodbye()
            await self._client.close()

    # --- taking trials

    async def _serve(self) -> None:
        try:
            await leftovers.send(self.attempts, self._client, self._board, self._timing)
        except Denied as denied:
            raise problem_of(denied, self._identity) from None
        await self._introduce(self._identity.before)
        self._identity.accepted()
        pulse = asyncio.ensure_future(self._beat())
        idle = asyncio.ensure_future(self._end_when_idle())
        work = asyncio.ensure_future(self._work())
        try:
            await asyncio.wait({pulse, work}, return_when=asyncio.FIRST_COMPLETED)
            for one in (work, pulse):
                if one.done():
                    one.result()
                    return
        finally:
            # A poll that is given up may have been granted trials: they are given back with the last heartbeat.
            for one in (pulse, idle, work):
                one.cancel()
            await asyncio.gather(pulse, idle, work, return_exceptions=True)

    async def _work(self) -> None:
        """Take trials while there is reason to, and then wait for those that run."""
        while (count := await self._wanted()) > 0:
            began = self._outside.monotonic()
            body = Acquire(
                instance=self._identity.instance,
                request_id=self._outside.draw(),
                max_trials=count,
                wait_seconds=self._patience(),
                selectors=self.plan.selectors,
            )
            try:
                acquired = await self._poll(body)
            except Refused as refused:
                await self._refused(refused)
                continue
            if acquired is None:
                break
            for lease in acquired.leases:
                await self._begin(lease)
            self._drained(acquired.directive.type == "drain", acquired.directive.reason)
            if not acquired.leases and self._outside.monotonic() - began < _SOON:
                await asyncio.sleep(min(_SOON, self._timing.acquire))
        while self._tasks:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    def _patience(self) -> float:
        """How long to wait for trials: no longer than until there is reason to end for want of them."""
        usual = min(self._timing.acquire, 50.0)
        if self.plan.exit_when_idle is None or self._running:
            return usual
        left = self._idle_since + self.plan.exit_when_idle - self._outside.monotonic()
        return min(usual, max(left, 0.1))

    async def _poll(self, body: Acquire) -> Acquired | None:
        """Ask, and wait for the answer: it may bring trials, also to one that is to take no more meanwhile.

        None when there will be none: the server is away, and this worker is to end.
        """
        polling = asyncio.ensure_future(self._client.acquire(self._identity.id, body))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait({polling, ending}, return_when=asyncio.FIRST_COMPLETED)
            while not polling.done() and self._client.link.away is None:
                await asyncio.wait({polling}, timeout=min(_SOON, self._timing.acquire))
            return polling.result() if polling.done() else None
        finally:
            polling.cancel()
            ending.cancel()
            await asyncio.gather(polling, ending, return_exceptions=True)

    async def _wanted(self) -> int:
        """How many trials to ask for, once there is a free slot; 0 when no more are to be taken."""
        while self._haste is None:
            left = None if self.plan.max_trials is None else self.plan.max_trials - self._taken
            if left == 0:
                return 0
            await self._may_take.wait()
            if self._free and self._may_take.is_set():
                return min(len(self._free), _MOST_AT_ONCE, *(() if left is None else (left,)))
            self._slot_free.clear()
            await self._slot_free.wait()
        return 0

    async def _begin(self, lease: Lease) -> None:
        named = lease.trainer.name if lease.trainer is not None else None
        trainer = named or (self.plan.trainers[0] if len(self.plan.trainers) == 1 else None)
        why = ""
        if not self._free:
            why = "the worker was given more trials than it asked for"
        elif trainer not in self.plan.trainers:
            why = f"this worker was not started with the trainer {named or '(the study names none)'}"
        if why or trainer is None:
            await self._give_back(lease, why)
            return
        self._taken += 1
        self._pulse.begin()
        slot = self._free.pop(0)
        spool = Spool.new(folder_of(self.attempts, lease), lease, self._client.server, self._board.warn)
        attempt = Attempt(
            spool,
            slot,
            self._start,
            self._client,
            self._board,
            self._timing,
            trainer=trainer,
            monotonic=self._outside.monotonic,
        )
        self._running[Held.of(lease)] = attempt
        task = asyncio.ensure_future(self._run(attempt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, attempt: Attempt) -> None:
        held = Held.of(attempt.lease)
        outcome = "left"
        again = f" (goes on from step {attempt.lease.resume_step})" if attempt.lease.resume_step is not None else ""
        self._board.say(
            f"{held} begins on slot {attempt.slot.name}{again}",
            event="begin",
            study=held.study,
            trial=held.trial,
            attempt=held.attempt,
            params=dict(attempt.lease.params),
        )
        try:
            completed = await attempt.run()
            outcome = completed.state if completed is not None else "gone"
            self._board.say(
                f"{held}: {outcome}{attempt.summary}", event="end", state=outcome, study=held.study, trial=held.trial
            )
        except Exception as error:  # noqa: BLE001  # one attempt must not take the others with it
            outcome = "failed"
            self._board.say(f"{held}: this worker failed at it: {type(error).__name__}: {error}", "error", "fault")
        finally:
            self._board.ended(outcome)
            self._board.slots[attempt.slot.number].phase = "free"
            del self._running[held]
            self._free.append(attempt.slot)
            self._free.sort(key=lambda slot: slot.number)
            self._idle_since = self._outside.monotonic()
            self._slot_free.set()

    async def _give_back(self, lease: Lease, why: str) -> None:
        self._board.warn(f"{Held.of(lease)} is given back: {why}")
        with contextlib.suppress(Refused):
            body = complete(lease, failed("infra", why), Usage(), checkpoint=False)
            await self._client.complete(Held.of(lease), body)
        # It may come again at once, and then again.
        await asyncio.sleep(min(_SOON, self._timing.acquire))

    async def _end_when_idle(self) -> None:
        limit = self.plan.exit_when_idle
        while limit is not None:
            left = self._idle_since + limit - self._outside.monotonic()
            if not self._running and left <= 0:
                self._board.say(f"nothing to do for {limit:g} s: this worker ends", event="idle")
                self.hasten("drain")
                return
            await asyncio.sleep(max(left, 0.0) if not self._running else limit)

    # --- the server's word

    async def _introduce(self, before: Sequence[str] = ()) -> None:
        async with self._introducing:
            accepted = await introduce(self._client, self._identity, self.plan, self._outside.now, before)
            self._client.link.trusted = True
            self._pulse.every = accepted.heartbeat_seconds
            self._client.link.ask_every(accepted.heartbeat_seconds)
            self._skewed(accepted.clock_skew_seconds)
            if self._haste is None:
                self._board.state = "online"
            self._board.say(
                f"{self.plan.name} is known to {self._client.server} (version {accepted.server_version})",
                event="accepted",
                worker=self._identity.id,
            )

    async def _beat(self) -> None:
        while True:
            try:
                await self._pulse.run()
            except Refused as refused:
                await self._refused(refused)

    async def _refused(self, refused: Refused) -> None:
        """What the server says to the worker itself: it may have forgotten us; everything else is an end."""
        if refused.code != "worker_not_found":
            raise problem_of(refused, self._identity)
        await self._introduce()

    def _hear(self, answer: HeartbeatAnswer) -> None:
        self._drained(answer.directive.type == "drain", answer.directive.reason)
        self._skewed(answer.clock_skew_seconds)

    def _drained(self, drained: bool, reason: str | None) -> None:
        """The server wants us to take no more, or to take trials again."""
        if self._haste is not None or drained != self._may_take.is_set():
            return
        if drained:
            self._may_take.clear()
            self._board.state = "draining"
            self._board.say(f"the server lets this worker take no more trials{f': {reason}' if reason else ''}")
        else:
            self._may_take.set()
            self._board.state = "online"
            self._board.say("this worker may take trials again")

    def _skewed(self, seconds: float | None) -> None:
        if seconds is not None and abs(seconds) > _LARGEST_SKEW and not self._skew_told:
            self._skew_told = True
            side = "ahead of" if seconds > 0 else "behind"
            self._board.warn(f"this machine's clock is {abs(seconds):.0f} s {side} the server's; nothing depends on it")

    # --- the end

    async def _end_what_runs(self) -> None:
        """Checkpoint, send and give back what runs, within the grace; then end it, and leave the rest on disk."""
        ends = self._outside.monotonic() + self._timing.grace
        if self._haste == "leave" and self._tasks:
            self._board.say(f"{len(self._tasks)} trial(s) are checkpointed and given back")
            for attempt in list(self._running.values()):
                attempt.order("preempt", "the worker leaves")
            pulse = asyncio.ensure_future(self._pulse.run())
            await self._wait_until(ends - self._timing.reserve)
            for attempt in list(self._running.values()):
                attempt.hurry()
            await self._wait_until(ends - min(1.0, self._timing.reserve / 2))
            pulse.cancel()
            await asyncio.gather(pulse, return_exceptions=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _wait_until(self, moment: float) -> None:
        """Until nothing runs any more, the moment has come, or somebody loses patience."""
        while self._tasks and self._haste != "abort" and (left := moment - self._outside.monotonic()) > 0:
            hastened = asyncio.ensure_future(self._hastened.wait())
            await asyncio.wait({*self._tasks, hastened}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            hastened.cancel()
            self._hastened.clear()

    async def _say_goodbye(self) -> None:
        if not self._client.link.trusted or self._haste == "abort":
            return
        with contextlib.suppress(Refused, TimeoutError):
            await asyncio.wait_for(self._pulse.beat(leaving=True), 1.0 if self._haste == "leave" else 5.0)
