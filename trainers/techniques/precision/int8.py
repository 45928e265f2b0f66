"""int8: what a finished model is worth when its weights and inputs are whole numbers of eight bits."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainers.space import choice
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="precision",
    name="int8",
    summary="the finished model is judged once more with weights and inputs of layers in eight bits",
    paper="Jacob, Kligys, Chen et al. 2018: Quantization and training of neural networks (integer-only inference)",
    test="tests/unit/trainers/techniques/test_precision.py::test_int8_is_integer_arithmetic",
    dimensions=(
        choice("int8", False, True, default=False, searched=False, summary="report the finished model in eight bits"),
    ),
    with_others=True,
)
_MOST = 127


@torch.no_grad()
def quantized(model: nn.Module, samples: Tensor) -> nn.Module:
    """A copy that computes as integers of eight bits would. The samples show how large inputs of layers are."""
    rounded = copy.deepcopy(model).eval()
    layers = [one for one in rounded.modules() if isinstance(one, nn.Linear | nn.modules.conv._ConvNd)]
    scales = _scales(rounded, layers, samples)
    for layer, scale in zip(layers, scales, strict=True):
        rows = layer.weight.flatten(1).abs().amax(1).clamp(min=1e-12) / _MOST
        shape = (-1, *[1] * (layer.weight.ndim - 1))
        layer.weight.copy_(whole(layer.weight, rows.reshape(shape)))
        layer.register_forward_pre_hook(lambda _, given, scale=scale: (whole(given[0], scale), *given[1:]))
    return rounded


def whole(numbers: Tensor, scale: Tensor) -> Tensor:
    """The numbers, each rounded to one of 255 multiples of the scale."""
    return (numbers / scale).round().clamp(-_MOST, _MOST) * scale


def _scales(model: nn.Module, layers: Sequence[nn.Module], samples: Tensor) -> list[Tensor]:
    largest: dict[nn.Module, Tensor] = {}

    def watch(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        largest[layer] = given[0].abs().max().clamp(min=1e-12)

    hooks = [one.register_forward_pre_hook(watch) for one in layers]
    model(samples)
    for hook in hooks:
        hook.remove()
    one = torch.ones((), device=samples.device)
    return [largest.get(layer, one) / _MOST for layer in layers]
