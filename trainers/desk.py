"""Training at the desk, without a server: one trial, a line an epoch."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from trainers.api import Scalar, Stop
from trainers.local import LocalTrial
from trainers.registry import find
from trainers.space import BadParameter

_HIDDEN = "health."


def train(
    trainer: str, params: Mapping[str, Scalar], *, seed: int, device: str, metric: str = "val_loss"
) -> Mapping[str, float]:
    """Train; prints each epoch and what it came to."""
    function = find(trainer)
    trial = _ShownTrial(params, seed=seed, device=device, metric=metric)
    try:
        found: Any = function(trial)
    except Stop as stop:
        trial.log(f"given up: {stop.reason}")
        found = None
    if found is None:
        found = trial.last
    values: Mapping[str, Any] = found if isinstance(found, Mapping) else {metric: found}
    return {name: float(one) for name, one in values.items() if not name.startswith(_HIDDEN)}


def assigned(given: Iterable[str]) -> dict[str, Scalar]:
    """Parameters as they were typed: name=value, numbers and true and false as JSON has them, all else a text."""
    params: dict[str, Scalar] = {}
    for one in given:
        name, sign, text = one.partition("=")
        if not sign or not name:
            raise BadParameter(f"--set {one}", "must be name=value, such as --set dropout=0.2")
        params[name] = _value(text)
    return params


def _value(text: str) -> Scalar:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float | str | None) else text


class _ShownTrial(LocalTrial):
    """A trial that prints its points as they come; what health measures is not among them."""

    def report(self, *told: Any, **named: Any) -> None:
        super().report(*told, **named)
        step, metrics = self.points[-1]
        shown = (f"{name} {value:.6g}" for name, value in metrics.items() if not name.startswith(_HIDDEN))
        self.log(f"{step:>5}  " + "  ".join(shown))
