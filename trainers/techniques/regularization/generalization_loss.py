"""Early stopping by generalization loss: a training ends when it has become too much worse than its best."""

from typing import Any

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="generalization_loss",
    summary="ends when the validation loss is `stop_gl` per cent above its least; the best epoch's weights stay",
    paper="Prechelt 1998: Early stopping - but when? (GL)",
    test="tests/unit/trainers/techniques/test_early_stopping.py::test_generalization_loss_is_the_formula",
    dimensions=(
        real(
            "stop_gl", 1.0, 50.0, log=True, default=0.0, searched=False, summary="per cent above the least; 0 goes on"
        ),
    ),
)


class GeneralizationLoss:
    """The rule, with its memory."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._least = float("inf")

    def see(self, learned: float, judged: float) -> str | None:
        """Take what an epoch came to; answers why to end, if so."""
        self._least = min(self._least, judged)
        loss = percent_above(judged, self._least)
        if loss <= self._most:
            return None
        return f"{loss:.3g} per cent worse than the best, {self._least:.4g} (stop_gl {self._most:g})"

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {"least": self._least}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember this."""
        self._least = state["least"]


def make(chosen: Chosen) -> GeneralizationLoss | None:
    """The rule, if it is wanted."""
    most = chosen.real("stop_gl")
    return GeneralizationLoss(most) if most else None


def percent_above(judged: float, least: float) -> float:
    """Prechelt's GL: how far a loss is above the least so far."""
    return 100 * (judged / least - 1) if least > 0 else 0.0
