"""What was decided of a running trial, and what it was based on at that moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.domain.trial import AttemptKey, nothing
from service.wire.trial import Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision of a scheduler, a stopping rule or the trainer itself at one step.

    `basis` holds rule, rung, value, cut, rank and n, as far as there are any.
    """

    key: AttemptKey
    step: int
    act: Act
    reason: str | None = None
    basis: Mapping[str, Any] = field(default_factory=nothing)
    at: datetime
