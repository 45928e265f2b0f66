"""The plateau schedule: the learning rate falls when what is judged has not become better for a while."""

from typing import Any

from trainers.chosen import Chosen
from trainers.space import real, whole
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="schedule",
    name="plateau",
    summary="falls by `plateau_factor` when the validation loss has not improved for `plateau_patience` epochs",
    paper="folklore; the rule is that of torch.optim.lr_scheduler.ReduceLROnPlateau",
    test="tests/unit/trainers/techniques/test_schedules.py::test_plateau_falls_when_torch_s_does",
    dimensions=(
        real("plateau_factor", 0.1, 0.7, default=0.3, above=True, most=1.0, summary="what it is multiplied by"),
        whole("plateau_patience", 2, 10, default=3, least=0, summary="epochs that are waited for an improvement"),
    ),
)
_IMPROVES = 1e-4
"""An improvement is by at least this share."""


class Plateau:
    """The schedule, with its memory of what it has seen."""

    def __init__(self, factor: float, patience: int) -> None:
        self._factor = factor
        self._patience = patience
        self._share = 1.0
        self._best = float("inf")
        self._bad = 0

    def __call__(self, _: int) -> float:
        """The share of the learning rate, whatever the step."""
        return self._share

    def see(self, judged: float) -> None:
        """Take what an epoch came to."""
        if judged < self._best * (1 - _IMPROVES):
            self._best, self._bad = judged, 0
            return
        self._bad += 1
        if self._bad > self._patience:
            self._share, self._bad = self._share * self._factor, 0

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {"share": self._share, "best": self._best, "bad": self._bad}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember this."""
        self._share, self._best, self._bad = state["share"], state["best"], state["bad"]


def make(chosen: Chosen, total: int) -> Plateau:
    """The schedule."""
    return Plateau(chosen.real("plateau_factor"), chosen.whole("plateau_patience"))
