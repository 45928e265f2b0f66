"""What workers bring, in memory: themselves, checkpoints, logs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from service.domain.errors import WorkerNotFound
from service.domain.trial import AttemptKey, Checkpoint, LogPiece
from service.domain.worker import Worker
from service.store.memory.tables import Tables, own_checkpoint, own_worker


class MemoryCheckpoints:
    """The committed checkpoints."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._table = tables.checkpoints
        self._now = now

    def add(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint; one of the same attempt and step is replaced."""
        key = checkpoint.key
        self._table.put((key.study_id, key.number), (key.attempt, checkpoint.step), own_checkpoint(checkpoint))

    def list(self, study_id: int, number: int, *, evicted: bool = False) -> Sequence[Checkpoint]:
        """Read the checkpoints of a trial, newest first; those whose bytes are gone only if asked for."""
        rows = self._table.of((study_id, number))
        return tuple(rows[place] for place in sorted(rows, reverse=True) if evicted or rows[place].evicted_at is None)

    def get(self, key: AttemptKey, step: int) -> Checkpoint | None:
        """Read a checkpoint, also one whose bytes are gone."""
        return self._table.get((key.study_id, key.number), (key.attempt, step))

    def stored(self, study_id: int) -> Sequence[Checkpoint]:
        """Read the checkpoints of a study that the server keeps, in the order of trials, attempts and steps."""
        groups = sorted(group for group in self._table.groups() if group[0] == study_id)
        found = (one for group in groups for _, one in sorted(self._table.of(group).items()))
        return tuple(one for one in found if one.evicted_at is None and one.artifact is not None)

    def stored_bytes(self, study_id: int) -> int:
        """Sum up the sizes of those."""
        return sum(one.size for one in self.stored(study_id))

    def evict(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Write down that the bytes of these are gone from now on."""
        for one in checkpoints:
            if self.get(one.key, one.step) is not None:
                self.add(replace(one, evicted_at=self._now))


class MemoryLogs:
    """What attempts write, in pieces."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.logs

    def append(self, piece: LogPiece) -> None:
        """Add a piece; it begins where the last one ends."""
        key = piece.key
        if self._table.get((key.study_id, key.number), (key.attempt, piece.begin)) is not None:
            raise ValueError(f"a piece at {piece.begin} of {key} is there already")
        self._table.put((key.study_id, key.number), (key.attempt, piece.begin), piece)

    def end(self, key: AttemptKey) -> int:
        """How many bytes an attempt has written in all, those that were left out included."""
        return max((piece.end for piece in self._of(key)), default=0)

    def pieces(self, key: AttemptKey, offset: int, most_bytes: int) -> Sequence[LogPiece]:
        """Read the pieces that hold something behind an offset, in their order, up to so many bytes; at least one."""
        found: list[LogPiece] = []
        for piece in self._of(key):
            if sum(len(one.data) for one in found) >= most_bytes and found:
                break
            if piece.end > offset:
                found.append(piece)
        return found

    def trim(self, key: AttemptKey, head: int, tail: int) -> None:
        """Leave the middle out: keep the pieces that begin before `head` and those that end behind `tail`."""
        for piece in self._of(key):
            if piece.begin >= head and piece.end <= tail:
                self._table.drop((key.study_id, key.number), (key.attempt, piece.begin))

    def _of(self, key: AttemptKey) -> Sequence[LogPiece]:
        rows = sorted(self._table.of((key.study_id, key.number)).items())
        return [piece for (attempt, _), piece in rows if attempt == key.attempt]


class MemoryWorkers:
    """The workers that introduced themselves."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._table = tables.workers
        self._now = now

    def add(self, worker: Worker) -> None:
        """Add a worker."""
        if self._table.get(None, worker.id) is not None:
            raise ValueError(f"worker {worker.id} is there already")
        self._table.put(None, worker.id, own_worker(worker))

    def get(self, worker_id: str) -> Worker:
        """Read a worker; WorkerNotFound."""
        worker = self._table.get(None, worker_id)
        if worker is None:
            raise WorkerNotFound(f"there is no worker {worker_id}")
        return own_worker(worker)

    def list(self) -> Sequence[Worker]:
        """Read all workers, those seen last first."""
        rows = sorted(self._table.of(None).values(), key=lambda worker: worker.id)
        return tuple(map(own_worker, sorted(rows, key=lambda worker: worker.last_seen_at, reverse=True)))

    def lock(self, worker_ids: Sequence[str]) -> Mapping[str, Worker]:
        """Read workers; nobody else is at work before the commit."""
        found = {worker_id: self._table.get(None, worker_id) for worker_id in sorted(set(worker_ids))}
        return {worker_id: own_worker(worker) for worker_id, worker in found.items() if worker is not None}

    def save(self, workers: Iterable[Worker]) -> None:
        """Write everything of these workers."""
        for worker in workers:
            if self._table.get(None, worker.id) is not None:
                self._table.put(None, worker.id, own_worker(worker))

    def seen(self, instances: Mapping[str, str], until: datetime) -> frozenset[str]:
        """Note that those online of these live, until then for now, if they are of these instances; answers which."""
        found = self.lock(list(instances)).values()
        online = [one for one in found if one.present and one.expires_at > self._now]
        noted = [one for one in online if one.instance == instances[one.id]]
        self.save(replace(one, last_seen_at=self._now, expires_at=until) for one in noted)
        return frozenset(one.id for one in noted)

    def silent(self) -> Sequence[Worker]:
        """Read the workers that were told to be online and have not been heard of in time."""
        rows = (worker for _, worker in sorted(self._table.of(None).items()))
        return tuple(own_worker(one) for one in rows if one.present and one.expires_at <= self._now)

    def remove(self, worker_id: str) -> None:
        """Remove a worker; nothing happens if there is none."""
        if self._table.get(None, worker_id) is not None:
            self._table.drop(None, worker_id)
