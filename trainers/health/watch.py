"""The watch over one training: what its loop calls once an epoch. It changes nothing of what is trained.

watch = Watch(model, loss, samples, validation)
...                                             # each epoch:
with watch.step(optimizer):                     # around one step, best the last, before gradients are clipped
    optimizer.step()
with watch.evaluation():
    judged = evaluate(model)
host = to_host({**judged, **watch.look()})      # one copy of all that there is to tell of an epoch
finding = watch.judge(host, batch_loss=..., steps=...)
trial.report(epoch, {**metrics, **finding.metrics})
if finding.end is not None:
    raise finding.end
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from trainers.data.dataset import Part
from trainers.health import signals
from trainers.health.figures import Figures
from trainers.health.step import StepProbe
from trainers.health.units import Units
from trainers.health.verdict import Finding, Memory, judge
from trainers.space import choice

DIMENSIONS = (
    choice("health", True, False, default=True, searched=False, summary="give up a training that is hopeless"),
)
SAMPLE = 256
SEEN = "seen."
"""How names begin of what `look` answers: it is for `judge`, and is not reported as it is."""


class Watch:
    """Watches a model that learns targets."""

    def __init__(
        self,
        model: nn.Module,
        loss: signals.Loss,
        samples: Part,
        validation: Part,
        *,
        stops: bool = True,
    ) -> None:
        """To be made when the weights are what training begins with.

        Evaluation begins with the first of `validation`. `stops` lets the watch give a training up.
        """
        self._model = model
        self._loss = loss
        self._stops = stops
        # The same samples each epoch, from the whole of the data.
        inputs, targets = samples.inputs, samples.targets
        chosen = torch.linspace(0, len(targets) - 1, min(SAMPLE, len(targets))).long()
        # Inputs that are many may lie beside the device, where the targets are.
        self._inputs = samples.taken(inputs[chosen.to(inputs.device)].to(targets.device))
        self._targets = targets[chosen.to(targets.device)]
        self._validation = validation
        self._step = StepProbe(model)
        self._units = Units(model)
        self._rate: float | None = None
        with torch.no_grad():
            own = self._evaluated(self._inputs)
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
    def evaluation(self) -> Iterator[None]:
        """Around the evaluation of the model: its first batch is listened to, so that it need not run twice."""
        with self._units.heard():
            yield

    @torch.no_grad()
    def look(self) -> dict[str, Tensor]:
        """All figures of an epoch, on their device."""
        if self._units.outputs is None:
            # What was evaluated was not the model itself, but for instance an average of it.
            with self._units.heard():
                first = self._validation.inputs[:SAMPLE].to(self._targets.device)
                self._evaluated(self._validation.taken(first))
        outputs, (dead, saturated) = self._units.taken()
        targets = self._validation.targets[: len(outputs)]
        seen = {
            "loss": self._loss(self._evaluated(self._inputs), self._targets),
            "val_loss": self._loss(outputs, targets),
            "dead": dead,
            "saturated": saturated,
            "mislabelled": _mislabelled(outputs, targets),
            **self._step.taken(),
        }
        return {SEEN + name: one for name, one in seen.items() if one is not None}

    def judge(self, host: Mapping[str, float], *, batch_loss: float, steps: int, total: int | None = None) -> Finding:
        """What the figures of `look` say, once they are numbers: what else is among them is left out.

        `batch_loss` is the epoch's mean loss as it was trained, `steps` are all that were made so far, `total` those
        of the whole training, where that is known.
        """
        known = {name.removeprefix(SEEN): value for name, value in host.items() if name.startswith(SEEN)}
        memory, least = self._memory, known["val_loss"]
        if memory.least_val_loss is not None:
            least = min(memory.least_val_loss, least)
        seen = Figures(
            guess=self._guess,
            start=memory.start,
            batch_loss=batch_loss,
            least_val_loss=least,
            steps=total,
            **known,
        )
        finding, self._memory = judge(seen, memory, steps=steps, rate=self._rate, stops=self._stops)
        return finding

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep, in plain data."""
        return self._memory.plain()

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._memory = Memory.of(kept)

    def _evaluated(self, inputs: Tensor) -> Tensor:
        training = self._model.training
        if training:
            self._model.eval()
        outputs: Tensor = self._model(inputs).float()
        if training:
            self._model.train()
        return outputs


def _mislabelled(outputs: Tensor, targets: Tensor) -> Tensor | None:
    if targets.is_floating_point() or targets.ndim != 1 or outputs.ndim != 2 or outputs.shape[1] < 2:
        return None
    return signals.mislabelled(outputs, targets)
