"""The store that keeps everything in memory: for tests and demonstrations, with the same contract as the databases."""

from service.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
