"""The honest end of a study: what is planned for it, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

FinishState = Literal["confirming", "refitting", "finished", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was decided when a round began: these trials are run again on these seeds, and compared by this metric.

    `study_state` and `completed` say how far the search was. `again` is why the test split may be opened once more.
    """

    metric: str
    direction: Literal["minimize", "maximize"]
    candidates: tuple[int, ...]
    seeds: tuple[int, ...]
    study_state: str
    completed: int
    again: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is known of a round by now: the confirmed winner, its refit, and what the sealed test split said of it."""

    winner: int | None = None
    why: str | None = None
    steps: int | None = None
    refit: int | None = None
    test: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """One round of a study's honest end."""

    study_id: int
    round: int
    state: FinishState = "confirming"
    reason: str | None = None
    plan: Plan
    outcome: Outcome = Outcome()
    started_by: str
    started_at: datetime
    ended_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.state in {"confirming", "refitting"}

    def ended(
        self, state: Literal["finished", "failed", "cancelled"], reason: str | None, outcome: Outcome, now: datetime
    ) -> "Finish":
        """The round at its end, and why it ended so where there is something to say."""
        return replace(self, state=state, reason=reason, outcome=outcome, ended_at=now)
