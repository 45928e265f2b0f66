"""LSUV: orthogonal weights, then scaled layer by layer until what comes out of each has variance 1 on real samples."""

from typing import Any

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.techniques.initialisation.weights import GAIN, LAYERS, Initialise, fill
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="initialisation",
    name="lsuv",
    summary="orthogonal, then scaled so that what comes out of each layer has variance 1 on real samples",
    paper="Mishkin, Matas 2016: All you need is a good init",
    test="tests/unit/trainers/techniques/test_initialisation.py::test_lsuv_gives_each_layer_variance_1",
    dimensions=(GAIN,),
)


def make(chosen: Chosen) -> Initialise:
    """Fills the weights of a model, and scales them by some of its inputs."""
    gain = chosen.real("init_gain")

    def initialise(model: nn.Module, inputs: Tensor) -> None:
        fill(model, nn.init.orthogonal_)
        scale(model, inputs, gain)

    return initialise


@torch.no_grad()
def scale(model: nn.Module, inputs: Tensor, deviation: float = 1.0) -> None:
    """Scales each layer as the inputs come to it. Biases are 0, so that one pass is exact for all of them."""
    done: set[nn.Module] = set()

    def hook(layer: nn.Module, _inputs: Any, outputs: Tensor) -> Tensor:
        if layer in done:
            return outputs
        done.add(layer)
        factor = deviation / outputs.std().clamp(min=1e-6)
        assert isinstance(layer.weight, Tensor)
        layer.weight.mul_(factor)
        return outputs * factor

    hooks = [one.register_forward_hook(hook) for one in model.modules() if isinstance(one, LAYERS)]
    was = model.training
    model.eval()
    try:
        model(inputs)
    finally:
        model.train(was)
        for one in hooks:
            one.remove()
