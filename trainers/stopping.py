"""Early stopping: the rules that were chosen, and the best epoch, which a training that they end goes back to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.techniques.regularization import generalization_loss, patience, progress_quotient
from trainers.techniques.technique import Rule


@dataclass(frozen=True, slots=True)
class Best:
    """The best epoch so far."""

    epoch: int
    judged: float
    figures: dict[str, float]
    weights: dict[str, Tensor]


class Stopping:
    """The rules, with their memory and the best weights so far. Without rules nothing is kept."""

    def __init__(self, chosen: Chosen) -> None:
        made = {
            "patience": patience.make(chosen),
            "generalization_loss": generalization_loss.make(chosen),
            "progress_quotient": progress_quotient.make(chosen),
        }
        self._rules: dict[str, Rule] = {name: one for name, one in made.items() if one is not None}
        self.why: str | None = None
        """Why the training has ended, if it has."""
        self.best: Best | None = None

    def see(self, epoch: int, figures: Mapping[str, float], learned: float, judged: float, model: nn.Module) -> None:
        """Take what an epoch came to, and the model that was judged."""
        if not self._rules:
            return
        if self.best is None or judged < self.best.judged:
            weights = {name: one.detach().clone() for name, one in model.state_dict().items()}
            self.best = Best(epoch, judged, dict(figures), weights)
        said = [rule.see(learned, judged) for rule in self._rules.values()]
        self.why = next((one for one in said if one is not None), None)

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        rules = {name: rule.state_dict() for name, rule in self._rules.items()}
        best = self.best
        kept = None if best is None else [best.epoch, best.judged, best.figures, best.weights]
        return {"rules": rules, "why": self.why, "best": kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember this."""
        for name, rule in self._rules.items():
            rule.load_state_dict(state["rules"][name])
        self.why = state["why"]
        self.best = None if state["best"] is None else Best(*state["best"])
