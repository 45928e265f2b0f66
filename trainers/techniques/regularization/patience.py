"""Early stopping by patience: a training ends when the best epoch lies too far back."""

from typing import Any

from trainers.chosen import Chosen
from trainers.space import whole
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="patience",
    summary="ends when the validation loss has had no new least for so many epochs; the best epoch's weights stay",
    paper="Morgan, Bourlard 1989: Generalization and parameter estimation in feedforward nets; UP in Prechelt 1998",
    test="tests/unit/trainers/techniques/test_early_stopping.py::test_patience_counts_from_the_best_epoch",
    dimensions=(
        whole("patience", 5, 20, default=0, least=0, searched=False, summary="epochs that are waited; 0 waits on"),
    ),
)


class Patience:
    """The rule, with its memory."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._least = float("inf")
        self._since = 0

    def see(self, learned: float, judged: float) -> str | None:
        """Take what an epoch came to; answers why to end, if so."""
        if judged < self._least:
            self._least, self._since = judged, 0
            return None
        self._since += 1
        if self._since < self._epochs:
            return None
        return f"no better than {self._least:.4g} for {self._since} epochs (patience {self._epochs})"

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {"least": self._least, "since": self._since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember this."""
        self._least, self._since = state["least"], state["since"]


def make(chosen: Chosen) -> Patience | None:
    """The rule, if it is wanted."""
    epochs = chosen.whole("patience")
    return Patience(epochs) if epochs else None
