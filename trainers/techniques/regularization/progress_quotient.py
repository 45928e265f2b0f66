"""Early stopping by progress quotient: as generalization loss, but not while training still gets on fast."""

from typing import Any

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.regularization.generalization_loss import percent_above
from trainers.techniques.technique import Technique

_STRIP = 5

TECHNIQUE = Technique(
    kind="regularization",
    name="progress_quotient",
    summary="ends when generalization loss over training progress in five epochs exceeds `stop_pq`; best weights stay",
    paper="Prechelt 1998: Early stopping - but when? (PQ)",
    test="tests/unit/trainers/techniques/test_early_stopping.py::test_progress_quotient_waits_while_training_gets_on",
    dimensions=(
        real("stop_pq", 0.3, 3.0, log=True, default=0.0, searched=False, summary="greatest quotient; 0 goes on"),
    ),
)


class ProgressQuotient:
    """The rule, with its memory. It looks once in each strip of epochs."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._least = float("inf")
        self._strip: list[float] = []

    def see(self, learned: float, judged: float) -> str | None:
        """Take what an epoch came to; answers why to end, if so."""
        self._least = min(self._least, judged)
        self._strip.append(learned)
        if len(self._strip) < _STRIP:
            return None
        strip, self._strip = self._strip, []
        quotient = percent_above(judged, self._least) / max(progress(strip), 1e-12)
        if quotient <= self._most:
            return None
        return f"worse than the best, {self._least:.4g}, while training gets on little (PQ {quotient:.3g})"

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {"least": self._least, "strip": self._strip}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember this."""
        self._least, self._strip = state["least"], list(state["strip"])


def make(chosen: Chosen) -> ProgressQuotient | None:
    """The rule, if it is wanted."""
    most = chosen.real("stop_pq")
    return ProgressQuotient(most) if most else None


def progress(strip: list[float]) -> float:
    """Prechelt's P: how far the mean of a strip of training losses is above its least, in per mille."""
    least = min(strip)
    return 1000 * (sum(strip) / len(strip) / least - 1) if least > 0 else 0.0
