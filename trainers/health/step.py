"""What one step of an optimizer shows: how long its gradient was, layer by layer, and by how much it moved weights."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from trainers.health import signals

_TINY = 1e-30
_NORM = "grad_norm"
_MEASURES = (_NORM, "first_grad", "last_grad", "update_ratio")


class StepProbe:
    """Measures a step from outside: the gradient before it, the weights before and after."""

    def __init__(self, model: nn.Module) -> None:
        self._all = [one for one in model.parameters() if one.requires_grad]
        # Of an embedding only the rows move that a batch has used: its length says nothing of depth.
        looked_up = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
        self._weights = [one for one in self._all if one.ndim > 1 and id(one) not in looked_up] or self._all
        self._sizes = signals.sizes(self._weights)
        self._measured: dict[str, Tensor] = {}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Around one call of `optimizer.step()`, before gradients are clipped. Without gradients it measures none."""
        gradients = [one.grad for one in self._all if one.grad is not None]
        layers = [place for place, one in enumerate(self._weights) if one.grad is not None]
        if not layers:
            yield
            return
        before = [one.detach().clone() for one in self._weights]
        total = signals.norms(gradients).norm()
        first, last = self._means(layers[0], layers[-1])
        yield
        moved = torch._foreach_sub([one.detach() for one in self._weights], before)
        ratio = (signals.norms(moved) / signals.norms(before).clamp(min=_TINY)).max()
        self._measured = dict(zip(_MEASURES, (total, first, last, ratio), strict=True))

    def taken(self) -> dict[str, Tensor]:
        """What the last step that was watched has shown, on the device; then it is let go."""
        measured, self._measured = self._measured, {}
        return measured

    def _means(self, *places: int) -> Iterator[Tensor]:
        """The root mean square of the gradients of these layers."""
        for place in places:
            gradient = self._weights[place].grad
            assert gradient is not None, "it was asked for those that have one"
            # Of the sizes one is taken by a number: a list of numbers would have the device be waited for.
            yield signals.norms([gradient])[0] / self._sizes[place]


def without_skipped(seen: Mapping[str, float]) -> dict[str, float]:
    """What was seen, without steps that a scaler has left out: one of half precision tries how large gradients can be.

    Names may stand behind what they are of.
    """
    of = {name.removesuffix(_NORM) for name, value in seen.items() if name.endswith(_NORM) and not math.isfinite(value)}
    skipped = {whose + what for whose in of for what in _MEASURES}
    return {name: value for name, value in seen.items() if name not in skipped}
