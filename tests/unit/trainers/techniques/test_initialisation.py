"""Initialisations give weights the variance that their papers ask for, and signals what follows from it."""

import math

import pytest
import torch
from torch import Tensor, nn

from tests.unit.trainers.techniques.given import chosen, data, drawn
from trainers.chosen import Chosen
from trainers.models import building
from trainers.models.catalog import MODELS
from trainers.techniques import catalog
from trainers.techniques.initialisation import weights

INPUTS, OUTPUTS = 300, 200
VARIANCES = {
    "default": 1 / (3 * INPUTS),
    "xavier_uniform": 2 / (INPUTS + OUTPUTS),
    "xavier_normal": 2 / (INPUTS + OUTPUTS),
    "kaiming_uniform": 2 / INPUTS,
    "kaiming_normal": 2 / INPUTS,
    "orthogonal": 1 / INPUTS,
}


def initialise(name: str, model: nn.Module, inputs: Tensor, gain: float = 1.0) -> None:
    catalog.maker("initialisation", name)(chosen("initialisation", init=name, init_gain=gain))(model, inputs)


@pytest.mark.parametrize("name", VARIANCES)
def test_variance_of_weights(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(INPUTS, OUTPUTS).requires_grad_(False)
    initialise(name, layer, drawn(4, INPUTS))
    assert float(layer.weight.var()) == pytest.approx(VARIANCES[name], rel=0.05)
    # A uniform one has no tails: its largest weight is the root of 3 deviations away.
    most = float(layer.weight.abs().max() / layer.weight.std())
    assert (most < 1.8) == (name == "default" or name.endswith("uniform"))


@pytest.mark.parametrize("name", ["xavier_normal", "kaiming_uniform", "orthogonal", "lsuv"])
def test_the_gain_is_a_factor(name: str) -> None:
    sizes = []
    for gain in (1.0, 2.0):
        torch.manual_seed(0)
        layer = nn.Linear(30, 20).requires_grad_(False)
        initialise(name, layer, drawn(64, 30), gain)
        sizes.append(float(layer.weight.norm()))
    assert sizes[1] == pytest.approx(2 * sizes[0], rel=1e-4)


def _through_thirty_layers(name: str) -> float:
    torch.manual_seed(0)
    model = MODELS["mlp"]
    network = model.build((128,), 10, Chosen(model.dimensions, {"layers": 30, "hidden": 128}))
    initialise(name, network, drawn(256, 128))
    body = nn.Sequential(*list(network)[:-1])  # type: ignore[call-overload]
    return float(body.requires_grad_(False)(drawn(256, 128)).square().mean())


def test_kaiming_keeps_signals_through_many_layers() -> None:
    assert 0.1 < _through_thirty_layers("kaiming_normal") < 10
    assert 0.1 < _through_thirty_layers("kaiming_uniform") < 10
    # ReLU halves the square of a signal: what is right for tanh loses it here.
    assert _through_thirty_layers("xavier_normal") < 1e-6


def test_kaiming_knows_the_slope_of_leaky_relu() -> None:
    dimensions = (*MODELS["mlp"].dimensions, *building.DIMENSIONS)
    torch.manual_seed(0)
    layer = nn.Linear(INPUTS, OUTPUTS).requires_grad_(False)
    given = Chosen(dimensions, {"init": "kaiming_normal", "activation": "leaky_relu", "leaky_slope": 0.3})
    catalog.maker("initialisation", "kaiming_normal")(given)(layer, drawn(4, INPUTS))
    assert float(layer.weight.var()) == pytest.approx(2 / (1 + 0.3**2) / INPUTS, rel=0.05)
    assert weights.slope_of(Chosen(dimensions, {"activation": "relu", "leaky_slope": 0.3})) == 0.0


def test_orthogonal_rows() -> None:
    for layer in (nn.Linear(30, 20), nn.Conv2d(8, 16, 3)):
        initialise("orthogonal", layer, drawn(1, 1))
        rows = layer.weight.detach().flatten(1)
        torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-5, rtol=0)
    cells = nn.LSTM(12, 10)
    initialise("orthogonal", cells, drawn(1, 1))
    assert isinstance(cells.weight_hh_l0, Tensor)
    for gate in torch.chunk(cells.weight_hh_l0.detach(), 4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(10), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["mlp", "vgg", "densenet"])
def test_lsuv_gives_each_layer_variance_1(name: str) -> None:
    shape = (12,) if name == "mlp" else (1, 8, 8)
    torch.manual_seed(0)
    model = MODELS[name]
    given = Chosen(model.dimensions, {"norm": "none", "activation": "tanh", "dropout": 0.2})
    network = model.build(shape, 10, given)
    inputs = 5 * drawn(64, *shape) + 3
    initialise("lsuv", network, inputs)
    network.requires_grad_(False)
    seen: list[float] = []
    for one in network.modules():
        if isinstance(one, weights.LAYERS):
            one.register_forward_hook(lambda _module, _inputs, outputs: seen.append(float(outputs.std())))
    network.eval()(inputs)
    assert len(seen) > 1
    assert seen == pytest.approx([1.0] * len(seen), rel=1e-3)


def test_a_model_is_built_with_the_initialisation_that_was_chosen() -> None:
    model = MODELS["cnn"]
    given = Chosen((*model.dimensions, *building.DIMENSIONS), {"init": "kaiming_normal", "init_gain": 2.0})
    torch.manual_seed(0)
    network = building.built(model, data(drawn(8, 1, 8, 8), torch.arange(8), outputs=10), given)
    (first, *_) = (one for one in network.modules() if isinstance(one, nn.Conv2d))
    assert float(first.weight.detach().std()) == pytest.approx(2 * math.sqrt(2 / 9), rel=0.2)
