"""Asking for a trial: claim one that is queued, or wait until one is."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from service.domain.actor import LOCAL, Actor
from service.usecases import leasing, settling
from service.usecases.board import Board
from service.usecases.ports import Store, Transaction
from service.usecases.suggester import Suggester
from service.wire.lease import Ask, Lease


async def ask(
    store: Store,
    suggester: Suggester | None,
    study: str,
    body: Ask,
    *,
    ttl_seconds: float,
    actor: Actor = LOCAL,
) -> tuple[Lease, ...]:
    """Leases for queued trials; if there are none, wait for suggestions as long as the asker is willing to."""
    claim = partial(leasing.ask, study=study, body=body, ttl_seconds=ttl_seconds, actor=actor)
    if suggester is None:
        return await store.write(claim, urgent=True)
    board = suggester.board
    heard = board.heard(study)
    leases: tuple[Lease, ...] = ()
    # Who asks again may have been given something already: he is told at once.
    if not body.wait_seconds or body.request_id is not None or not suggester.is_in_vain(study):
        leases = await _claimed(store, board, claim)
    suggester.want(study)
    if leases or not body.wait_seconds:
        return leases
    until = time.monotonic() + body.wait_seconds
    async with board.ask(study) as turn:
        if board.heard(study) != heard:
            leases = await _claimed(store, board, claim)  # what was queued before we stood on the board wakes nobody
        # Only the waiting is cut short, never a claim: its leases would belong to nobody.
        while not leases and (left := until - time.monotonic()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await turn.wait()
            turn.clear()
            leases = await _claimed(store, board, claim)
    if not leases:
        await store.write(partial(settling.settle, name=study))
    return leases


async def _claimed(store: Store, board: Board, claim: Callable[[Transaction], tuple[Lease, ...]]) -> tuple[Lease, ...]:
    with board.claim():
        return await store.write(claim, urgent=True)
