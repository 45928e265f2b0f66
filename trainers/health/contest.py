"""The watch over a contest: whether both learn, whether what is made is all the same, whether the critic has won.

Neither loss of a contest is one that falls when all is well, so the recipe's exact distance stands for it, and what
one and the same sample comes to for what guessing costs. There is no gap here, no overfitting, and no wrong label.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from trainers.health.figures import Figures
from trainers.health.step import StepProbe
from trainers.health.units import Units
from trainers.health.verdict import Finding, Memory, judge
from trainers.health.watch import SAMPLE, SEEN

USUAL = 1e-3
"""A healthy step changes a layer by so many parts of its length."""


class ContestWatch:
    """Watches a generator and a critic, as `Watch` does a model that learns targets."""

    def __init__(
        self,
        model: nn.Module,
        networks: Mapping[str, nn.Module],
        chance: Tensor,
        true: Tensor,
        distance: Callable[[Tensor], Tensor],
        *,
        judge: str,
        indifferent: float | None,
        stops: bool = True,
    ) -> None:
        """To be made when the weights are what training begins with.

        `networks` are the `generator` and the `critic`; `model` makes samples of `chance`. `distance` is how far
        samples are from true ones, `judge` what it is called where the model is judged. `indifferent` is what a critic
        pays that knows nothing, where its loss cannot fall below 0.
        """
        self._model = model
        self._chance = chance[:SAMPLE]
        self._judge = judge
        self._indifferent = indifferent
        self._stops = stops
        self._units = Units(model)
        self._probes = {name: StepProbe(network) for name, network in networks.items()}
        self._of = {id(one): name for name, network in networks.items() for one in network.parameters()}
        self._weights = sum(one.numel() for one in networks["generator"].parameters())
        self._rate: float | None = None
        with torch.no_grad():
            self._true_spread = _spread(true)
            same = torch.stack([distance(one.expand(len(chance), *one.shape)).float() for one in _middles(true)])
            self._guess, start = torch.stack([same.min(), distance(self._made(chance)).float()]).tolist()
        self._memory = Memory(start=start)

    @contextmanager
    def step(self, optimizer: torch.optim.Optimizer) -> Iterator[None]:
        """Around one call of `optimizer.step()` of either network, when gradients are whole and not clipped yet."""
        name = self._of[id(optimizer.param_groups[0]["params"][0])]
        if name == "generator":
            self._rate = float(optimizer.param_groups[0].get("lr", 0.0)) or None
        with torch.no_grad(), self._probes[name].watched(), torch.enable_grad():
            yield

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Around the evaluation of the model: what it makes is listened to."""
        with self._units.heard():
            yield

    @torch.no_grad()
    def look(self) -> dict[str, Tensor]:
        """All figures of an epoch, on their device."""
        if self._units.outputs is None:
            # What was evaluated was an average of the model.
            with self._units.heard():
                self._made(self._chance)
        made, (dead, saturated) = self._units.taken()
        seen = {"spread": _spread(made) / self._true_spread, "dead": dead, "saturated": saturated}
        taken = {f"{name}.{what}": one for name, probe in self._probes.items() for what, one in probe.taken().items()}
        return {SEEN + name: one for name, one in {**seen, **taken}.items() if one is not None}

    def judge(self, host: Mapping[str, float], *, batch_loss: float, steps: int, total: int | None = None) -> Finding:
        """What the figures of `look` say, once they are numbers; `batch_loss` is the critic's."""
        known = {name.removeprefix(SEEN): value for name, value in host.items() if name.startswith(SEEN)}
        memory, loss = self._memory, host[self._judge]
        least = loss if memory.least_val_loss is None else min(memory.least_val_loss, loss)
        both = [value for name, value in host.items() if name.endswith("_loss") and not name.startswith(SEEN)]
        seen = Figures(
            guess=self._guess,
            start=memory.start,
            loss=loss,
            val_loss=loss,
            batch_loss=next((one for one in both if not math.isfinite(one)), loss),
            least_val_loss=least,
            steps=total,
            critic=None if self._indifferent is None else batch_loss / self._indifferent,
            teaching=known["generator.grad_norm"] / math.sqrt(self._weights)
            if "generator.grad_norm" in known
            else None,
            **_worse(known),
            **{name: value for name, value in known.items() if "." not in name},
        )
        finding, self._memory = judge(seen, memory, steps=steps, rate=self._rate, stops=self._stops)
        return finding

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep, in plain data."""
        return self._memory.plain()

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._memory = Memory.of(kept)

    def _made(self, chance: Tensor) -> Tensor:
        training = self._model.training
        self._model.eval()
        made: Tensor = self._model(chance).float()
        self._model.train(training)
        return made


def _spread(samples: Tensor) -> Tensor:
    """How far samples are from their mean: the root of the mean square."""
    flat = samples.float().flatten(1)
    return (flat - flat.mean(0)).square().sum(1).mean().sqrt()


def _middles(true: Tensor) -> list[Tensor]:
    """The mean of the true samples, and the one of them that is nearest to it."""
    true = true.float()
    mean = true.mean(0)
    nearest = (true - mean).flatten(1).square().sum(1).argmin()
    return [mean, true[nearest]]


def _worse(known: Mapping[str, float]) -> dict[str, float]:
    """Of the last steps of both networks, what is worse: told as if it were of one."""
    names = [one for one in ("generator", "critic") if f"{one}.grad_norm" in known]
    if not names:
        return {}
    # What is not a number is worse than any that is.
    norm = max((known[f"{one}.grad_norm"] for one in names), key=lambda one: (not math.isfinite(one), one))
    # Where no gradient arrives at all there is none that could fade.
    taught = [one for one in names if known[f"{one}.last_grad"]] or names
    fades = min(taught, key=lambda one: known[f"{one}.first_grad"] / max(known[f"{one}.last_grad"], 1e-30))
    moves = max(names, key=lambda one: abs(math.log(max(known[f"{one}.update_ratio"], 1e-30) / USUAL)))
    return {
        "grad_norm": norm,
        "first_grad": known[f"{fades}.first_grad"],
        "last_grad": known[f"{fades}.last_grad"],
        "update_ratio": known[f"{moves}.update_ratio"],
    }
