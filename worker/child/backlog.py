"""Bytes that wait to be sent, first in first out: in memory up to a bound, and in a file beyond it."""

import os
from pathlib import Path

IN_MEMORY = 32 << 20


class Backlog:
    """What is added last comes out last. The file is there only while it is needed."""

    def __init__(self, file: Path, bound: int = IN_MEMORY) -> None:
        self._path = file
        self._bound = bound
        self._first = bytearray()
        self._descriptor: int | None = None
        self._read = 0
        self._written = 0

    def __bool__(self) -> bool:
        return bool(self._first) or self._written > self._read

    def add(self, data: bytes) -> None:
        """Put bytes at the end."""
        if self._descriptor is None and len(self._first) + len(data) <= self._bound:
            self._first += data
            return
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            self._path.unlink()
        left = memoryview(data)
        while left:
            done = os.pwrite(self._descriptor, left, self._written)
            self._written += done
            left = left[done:]

    def first(self) -> bytearray:
        """What comes out next: some of it, or nothing when all is gone."""
        if not self._first and self._descriptor is not None:
            held = os.pread(self._descriptor, min(self._bound, self._written - self._read), self._read)
            self._first += held
            self._read += len(held)
            if self._read == self._written:
                os.close(self._descriptor)
                self._descriptor = None
                self._read = self._written = 0
        return self._first

    def remove(self, count: int) -> None:
        """So many of the first bytes have gone."""
        del self._first[:count]
