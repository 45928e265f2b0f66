"""The letters of trials' states in packed answers, and how many trials are shown one by one."""

from service.wire.trial import TrialState

LETTERS: dict[TrialState, str] = {
    "queued": "q",
    "running": "r",
    "paused": "w",
    "completed": "c",
    "pruned": "p",
    "failed": "f",
    "infeasible": "i",
    "cancelled": "x",
}
MOST_SHOWN = 20_000
