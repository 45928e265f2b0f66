"""The watch over one training: what its loop calls once an epoch. It changes nothing of what is trained.

watch = Watch(model, inputs, targets, loss)
...                                           # each epoch:
with watch.step(optimizer):                   # around one step, best the last, before gradients are clipped
    optimizer.step()
with watch.units():                           # around one batch of evaluation
    outputs = model(batch)
figures = watch.look(outputs, batch_targets)  # on the device: brought over together with the loss and the metrics
finding = watch.judge(figures.tolist(), batch_loss=..., steps=...)
trial.report(epoch, {**metrics, **finding.metrics})
if finding.end is not None:
    raise finding.end
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from trainers.health import signals
from trainers.health.figures import Figures
from trainers.health.step import MEASURES, StepProbe
from trainers.health.units import Units
from trainers.health.verdict import Finding, Memory, judge

SAMPLE = 256
_UNKNOWN = -1.0
_ALWAYS = ("loss", "val_loss")
_FROM_EVALUATION = (*_ALWAYS, "dead", "saturated", "mislabelled")


class Watch:
    """Watches a model that learns targets. `inputs` and `targets` are what it is trained on."""

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        loss: signals.Loss,
        *,
        forward: Callable[[Tensor], Tensor] | None = None,
        stops: bool = True,
    ) -> None:
        """To be made when the weights are what training begins with.

        `forward` is how the model is called, where that is not `model(inputs)`. `stops` lets the watch give it up.
        """
        self._model = model
        self._forward = forward or model
        self._loss = loss
        self._stops = stops
        # The same samples each epoch, from the whole of the data.
        chosen = torch.linspace(0, len(targets) - 1, min(SAMPLE, len(targets)), device=targets.device).long()
        self._inputs, self._targets = inputs[chosen], targets[chosen]
        self._step = StepProbe(model)
        self._units = Units(model)
        self._rate: float | None = None
        with torch.no_grad():
            own = self._evaluated()
            guess = signals.guess(loss, own, self._targets)
            self._guess, start = torch.stack([guess.float(), loss(own, self._targets).float()]).tolist()
        self._memory = Memory(start=start)

    @contextmanager
    def step(self, optimizer: torch.optim.Optimizer) -> Iterator[None]:
        """Around one call of `optimizer.step()`, when gradients are whole, unscaled and not clipped yet."""
        self._rate = float(optimizer.param_groups[0].get("lr", 0.0)) or None
        with torch.no_grad(), self._step.watched(), torch.enable_grad():
            yield

    @contextmanager
    def units(self) -> Iterator[None]:
        """Around the forward pass of one batch of evaluation."""
        with self._units.heard():
            yield

    @torch.no_grad()
    def look(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """All figures of an epoch in one vector, given what evaluation made of the batch that was listened to."""
        own = self._evaluated()
        told: dict[str, Tensor | None] = {
            "loss": self._loss(own, self._targets),
            "val_loss": self._loss(outputs, targets),
            "dead": self._units.worst(self._units.dead),
            "saturated": self._units.worst(self._units.saturated),
            "mislabelled": _mislabelled(outputs, targets),
        }
        unknown = torch.full((), _UNKNOWN, device=outputs.device)
        parts = [unknown if (one := told[name]) is None else one for name in _FROM_EVALUATION]
        step = self._step.measured
        rest = unknown.expand(len(MEASURES)) if step is None else step
        self._step.measured = None
        return torch.cat([torch.stack(parts).float(), rest])

    def judge(self, figures: Sequence[float], *, batch_loss: float, steps: int) -> Finding:
        """What the figures of `look` say. `batch_loss` is the epoch's mean as trained; `steps` counts all so far."""
        told = dict(zip((*_FROM_EVALUATION, *MEASURES), figures, strict=True))
        known = {name: value for name, value in told.items() if name in _ALWAYS or value != _UNKNOWN}
        memory, least = self._memory, known["val_loss"]
        if memory.least_val_loss is not None:
            least = min(memory.least_val_loss, least)
        seen = Figures(guess=self._guess, start=memory.start, batch_loss=batch_loss, least_val_loss=least, **known)
        finding, self._memory = judge(seen, memory, steps=steps, rate=self._rate, stops=self._stops)
        return finding

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep, in plain data."""
        return self._memory.plain()

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._memory = Memory.of(kept)

    def _evaluated(self) -> Tensor:
        if not self._model.training:
            return self._forward(self._inputs)
        self._model.eval()
        try:
            return self._forward(self._inputs)
        finally:
            self._model.train()


def _mislabelled(outputs: Tensor, targets: Tensor) -> Tensor | None:
    if targets.is_floating_point() or targets.ndim != 1 or outputs.ndim != 2 or outputs.shape[1] < 2:
        return None
    return signals.mislabelled(outputs, targets)
