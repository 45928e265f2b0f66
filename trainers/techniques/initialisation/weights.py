"""The weights of a model that an initialisation fills: matrices and kernels, gate by gate where several lie in one."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.space import real

GAIN = real(
    "init_gain", 0.5, 2.0, log=True, default=1.0, above=True, summary="factor on initial weights", searched=False
)
Initialise = Callable[[nn.Module, Tensor], None]
"""Takes a model and some of its inputs, and changes its weights in place."""
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)
_GATES = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}


@torch.no_grad()
def fill(model: nn.Module, weight: Callable[[Tensor], object]) -> None:
    """Fills each weight by a function; biases become 0. Embeddings and normalisations stay as they are."""
    for module in model.modules():
        if isinstance(module, LAYERS):
            weight(module.weight)
            if module.bias is not None:
                module.bias.zero_()
        for kind, gates in _GATES.items():
            if isinstance(module, kind):
                _recurrent(module, gates, weight)


def _recurrent(module: nn.Module, gates: int, weight: Callable[[Tensor], object]) -> None:
    for name, parameter in module.named_parameters(recurse=False):
        if name.startswith("weight"):
            for gate in parameter.chunk(gates):
                weight(gate)
        # Biases stay as the model made them: a forget gate begins open.


def slope_of(chosen: Chosen) -> float:
    """What the activation that was chosen lets through of negative values."""
    leaky = "activation" in chosen.dimensions and chosen.text("activation") == "leaky_relu"
    return chosen.real("leaky_slope") if leaky else 0.0
