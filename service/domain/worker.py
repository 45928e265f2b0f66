"""A worker as the server knows it, and which studies it can serve."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from service.domain.trial import nothing
from service.wire.objective import Requirements
from service.wire.study import StudyDefinition
from service.wire.worker import Gpu, GpuUse, Selectors, WorkerState

_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker that introduced itself.

    `instance` is drawn at each of its starts. `present` says that it was told to be online, and not to be gone. It is
    silent from `expires_at` on, by the database's clock. `drain` says that it takes no more trials, and whether
    those that run finish. Failures before `trusted_at` are not held against its machine.
    """

    id: str
    instance: str
    name: str
    agent_version: str
    python_version: str = ""
    labels: Mapping[str, str] = field(default_factory=nothing)
    gpus: tuple[Gpu, ...] = ()
    use: tuple[GpuUse, ...] = ()
    slots: int
    trainers: tuple[str, ...]
    present: bool = True
    drain: Literal["finish", "preempt"] | None = None
    reason: str | None = None
    clock_skew: float | None = None
    first_seen_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    trusted_at: datetime

    def state(self, now: datetime) -> WorkerState:
        """How it is at this moment."""
        if not self.present or self.expires_at <= now:
            return "offline"
        return "online" if self.drain is None else "draining"


def serves(worker: Worker, definition: StudyDefinition) -> bool:
    """Whether a worker can run a study's trials: it has the trainer, and meets what is required."""
    trainer = definition.trainer
    if trainer is None:
        # Nobody said which: it can only be the one that a worker was given.
        return len(worker.trainers) == 1 and _meets(worker, definition.requires)
    return trainer.name in worker.trainers and _meets(worker, definition.requires)


def chosen(selectors: Selectors, definition: StudyDefinition) -> bool:
    """Whether a worker wants to serve a study: of names and of tags that it gives, one must fit."""
    if selectors.studies and definition.name not in selectors.studies:
        return False
    return not selectors.tags or not set(selectors.tags).isdisjoint(definition.tags)


def _meets(worker: Worker, wanted: Requirements) -> bool:
    if any(worker.labels.get(name) != value for name, value in wanted.labels.items()):
        return False
    if not wanted.gpus and not wanted.gpu_models and wanted.gpu_memory_gib is None:
        return True
    return any(_fits(gpu, wanted) for gpu in worker.gpus)


def _fits(gpu: Gpu, wanted: Requirements) -> bool:
    model = gpu.model.casefold()
    if wanted.gpu_models and not any(text.casefold() in model for text in wanted.gpu_models):
        return False
    return wanted.gpu_memory_gib is None or gpu.memory_bytes >= wanted.gpu_memory_gib * _GIB
