"""Checkpoints that the server keeps: they stream in and out, and are never held whole in memory."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from service.domain.actor import LOCAL, Actor
from service.domain.errors import CheckpointEvicted, ChecksumMismatch, Refused
from service.domain.trial import ARTIFACT, AttemptKey, Checkpoint
from service.usecases import checkpointing
from service.usecases.artifacts import Artifacts, Draft, Opened, name_of
from service.usecases.ports import Store, Transaction
from service.usecases.reporting import live, own
from service.usecases.reviving import waits
from service.wire.lease import NewCheckpoint

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Which checkpoint is meant."""

    study: str
    number: int
    attempt: int
    step: int


class Keeper:
    """Keeps checkpoints in the artifact store."""

    def __init__(self, store: Store, artifacts: Artifacts, *, ttl_seconds: float) -> None:
        self._store = store
        self._artifacts = artifacts
        self._ttl_seconds = ttl_seconds

    async def save(
        self, place: Place, token: int, sha256: str, pieces: AsyncIterator[bytes], actor: Actor = LOCAL
    ) -> Checkpoint:
        """Take in a checkpoint: first its bytes, safe under their name, then the row that makes it count."""
        key = await self._store.read(partial(_may_be_saved, place, token, actor))
        name = name_of(key, place.step, sha256)
        async with self._artifacts.draft(name) as draft:
            digest, size = await _copied(pieces, draft)
            if digest != sha256:
                raise ChecksumMismatch(f"the SHA-256 of the {size:,} bytes that arrived is {digest}, not {sha256}")
            await draft.keep()
        body = NewCheckpoint(token=token, uri=ARTIFACT + name, sha256=sha256, size=size)
        try:
            committed = await self._store.write(partial(self._commit, place, body, actor))
        except Refused:
            await self._forget(key, place.step, name)
            raise
        await self._artifacts.remove(committed.unneeded)
        return committed.checkpoint

    async def commit(self, place: Place, body: NewCheckpoint, actor: Actor = LOCAL) -> checkpointing.Committed:
        """Commit one that is kept elsewhere; artifacts that it takes the place of are removed."""
        body = checkpointing.kept_elsewhere(body)
        committed = await self._store.write(partial(self._commit, place, body, actor))
        await self._artifacts.remove(committed.unneeded)
        return committed

    async def open(self, place: Place, actor: Actor = LOCAL) -> tuple[Checkpoint, Opened]:
        """Begin to read a checkpoint's bytes."""
        name, found = await self._store.read(partial(_artifact, place, actor))
        try:
            return found, await self._artifacts.open(name)
        except FileNotFoundError:
            raise CheckpointEvicted(f"the bytes of the checkpoint of step {place.step} are gone") from None

    def _commit(self, place: Place, body: NewCheckpoint, actor: Actor, tx: Transaction) -> checkpointing.Committed:
        where = (place.study, place.number, place.attempt, place.step)
        return checkpointing.commit(tx, *where, body, ttl_seconds=self._ttl_seconds, actor=actor)

    async def _forget(self, key: AttemptKey, step: int, name: str) -> None:
        """Remove what was refused, unless it is what was kept before."""
        there = await self._store.read(lambda tx: tx.checkpoints.get(key, step))
        if there is None or there.artifact != name or there.evicted_at is not None:
            await self._artifacts.remove([name])


async def _copied(pieces: AsyncIterator[bytes], draft: Draft) -> tuple[str, int]:
    """Copy all pieces, in larger ones; answers their SHA-256 and how many bytes they were."""
    digest, size, held = hashlib.sha256(), 0, bytearray()

    async def write() -> None:
        piece = bytes(held)
        held.clear()
        # Beside the requests: a megabyte takes a millisecond or two.
        await asyncio.to_thread(digest.update, piece)
        await draft.write(piece)

    async for piece in pieces:
        size += len(piece)
        held += piece
        if len(held) >= _PIECE_BYTES:
            await write()
    if held:
        await write()
    return digest.hexdigest(), size


def _may_be_saved(place: Place, token: int, actor: Actor, tx: Transaction) -> AttemptKey:
    """Refuse before the bytes come what would be refused after they came."""
    study = tx.studies.get(place.study)
    key = AttemptKey(study.id, place.number, place.attempt)
    found = next((one for one in tx.attempts.list(key.study_id, key.number) if one.key == key), None)
    there = tx.checkpoints.get(key, place.step)
    if found is not None and found.token == token and there is not None:
        own(found, actor)
        return key  # it may be the same again, also when the attempt has ended
    if found is None or not waits(tx, study, found, token, actor):
        found = live(found, key, token, actor)
    checkpointing.lies_on_the_curve(found, place.step)
    return key


def _artifact(place: Place, actor: Actor, tx: Transaction) -> tuple[str, Checkpoint]:
    """Workers read what they go on from: the checkpoints of the trial whose newest attempt is theirs."""
    study = tx.studies.get(place.study)
    newest = tx.attempts.current(study.id, [place.number]).get(place.number)
    if newest is not None:
        own(newest, actor)
    return checkpointing.artifact(tx, place.study, place.number, place.attempt, place.step)
