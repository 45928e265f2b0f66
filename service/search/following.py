"""Following a study's trail: who keeps what he made of its trials is told which of them have changed since."""

from collections.abc import Iterable

from service.usecases.engine import Trail


class Follower:
    """Where somebody has come to on the trails of one study."""

    def __init__(self) -> None:
        self._origin: object | None = None
        self._place = 0

    def has_passed(self, trail: Trail | None) -> bool:
        """Whether a trail ends before where he has come to on it: it tells of an older moment."""
        return trail is not None and trail.origin is self._origin and trail.end < self._place

    def changed(self, trail: Trail | None) -> Iterable[int] | None:
        """The numbers of the trials that changed since the last call, in order; None if all must be compared."""
        known = trail is not None and trail.origin is self._origin and not self.has_passed(trail)
        found = trail.since(self._place) if trail is not None and known else None
        self._origin, self._place = (None, 0) if trail is None else (trail.origin, trail.end)
        return None if found is None else sorted(set(found))
