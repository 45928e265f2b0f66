"""Models: each is built for what it is for, and refuses the rest in one sentence."""

import pytest
import torch
from torch import Tensor, nn

from tests.unit.trainers.techniques.given import data, drawn
from trainers.chosen import Chosen
from trainers.models import building
from trainers.models.catalog import MODELS, choice_of
from trainers.models.densenet import Layer
from trainers.models.inception import Block
from trainers.models.transformer import Attention
from trainers.space import BadParameter, Scalar
from trainers.techniques.initialisation import weights

IMAGES = ("cnn", "vgg", "inception", "resnet", "densenet")
SEQUENCES = ("lstm", "gru", "encoder", "decoder")


def build(name: str, shape: tuple[int, ...], outputs: int = 5, **given: Scalar) -> nn.Module:
    torch.manual_seed(0)
    model = MODELS[name]
    return model.build(shape, outputs, Chosen(model.dimensions, given))


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 14), (3, 64, 64)])
def test_images_of_all_sizes_become_outputs(name: str, shape: tuple[int, ...]) -> None:
    assert build(name, shape)(drawn(2, *shape)).shape == (2, 5)


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("norm", ["none", "batch", "layer", "group"])
def test_networks_of_convolutions_learn_with_any_normalisation(name: str, norm: str) -> None:
    labels = torch.arange(12) % 3
    images = drawn(12, 1, 8, 8) + 2 * drawn(3, 1, 8, 8, seed=1)[labels]
    width: dict[str, Scalar] = {"growth_rate": 4, "dense_layers": 2} if name == "densenet" else {"width": 8}
    network = build(name, (1, 8, 8), 3, norm=norm, activation="leaky_relu", **width)
    weights.fill(network, nn.init.kaiming_normal_)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images), labels)
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert all(one.grad is not None for one in network.parameters())


@pytest.mark.parametrize(("name", "most"), [("cnn", 3), ("vgg", 3), ("inception", 4), ("resnet", 4), ("densenet", 4)])
def test_an_image_that_is_too_small_is_refused(name: str, most: int) -> None:
    assert build(name, (1, 8, 9), stages=most)(drawn(2, 1, 8, 9)).shape == (2, 5)
    with pytest.raises(BadParameter) as refused:
        build(name, (1, 8, 9), stages=most + 1)
    assert str(refused.value) == f"stages must be at most {most} for images of 8 x 9, not {most + 1}"


def test_an_image_that_cannot_be_halved_at_all_says_so() -> None:
    with pytest.raises(BadParameter, match="stages cannot be 2: images of 1 x 9 are too small to be halved"):
        build("cnn", (1, 1, 9))


@pytest.mark.parametrize("name", [*IMAGES, "dcgan"])
def test_a_row_is_no_image(name: str) -> None:
    with pytest.raises(BadParameter, match=rf"model '{name}' takes images, but one input is of shape \(64,\)"):
        build(name, (64,))


@pytest.mark.parametrize("name", SEQUENCES)
def test_an_image_is_no_sequence(name: str) -> None:
    with pytest.raises(BadParameter, match=f"model '{name}' takes sequences, but one input is of shape"):
        build(name, (1, 8, 8))


def test_an_mlp_takes_anything_and_without_layers_is_linear() -> None:
    network = build("mlp", (2, 3, 4), layers=0)
    inputs = drawn(2, 2, 3, 4)
    middle = network(inputs.mean(0, keepdim=True))
    torch.testing.assert_close(middle, network(inputs).mean(0, keepdim=True))


@pytest.mark.parametrize("name", SEQUENCES)
def test_tokens_have_an_output_at_each_step_and_series_one(name: str) -> None:
    assert build(name, (7,), 5)(torch.zeros(2, 7, dtype=torch.int64)).shape == (2, 7, 5)
    assert build(name, (7, 3), 5)(drawn(2, 7, 3)).shape == (2, 5)


def seen(network: nn.Module, length: int = 7) -> Tensor:
    """Which outputs (rows) change with which inputs (columns)."""
    tokens = torch.zeros(length + 1, length, dtype=torch.int64)
    tokens[torch.arange(length), torch.arange(length)] = 1
    found = network.eval()(tokens).detach()
    return ((found[:length] - found[length]).abs().amax(2) > 1e-6).T


@pytest.mark.parametrize(("name", "both"), [("lstm", False), ("gru", False), ("decoder", None)])
def test_what_reads_one_way_sees_nothing_of_what_comes_later(name: str, both: bool | None) -> None:
    network = build(name, (7,)) if both is None else build(name, (7,), bidirectional=both)
    assert torch.equal(seen(network), torch.ones(7, 7).tril().bool())


@pytest.mark.parametrize(("name", "both"), [("lstm", True), ("gru", True), ("encoder", None)])
def test_what_reads_both_ways_sees_everything(name: str, both: bool | None) -> None:
    network = build(name, (7,)) if both is None else build(name, (7,), bidirectional=both)
    assert bool(seen(network).all())


@pytest.mark.parametrize("name", ["lstm", "gru"])
@pytest.mark.parametrize("both", [False, True])
def test_what_follows_the_end_of_a_sequence_is_not_read(name: str, both: bool) -> None:
    network = build(name, (7, 3), layers=2, bidirectional=both)
    series, lengths = drawn(3, 7, 3), torch.tensor([7, 2, 5])
    packed = network(series, lengths)
    for one in range(3):
        alone = network(series[one : one + 1, : int(lengths[one])])
        torch.testing.assert_close(packed[one : one + 1], alone)
    tokens = build(name, (7,), bidirectional=both)
    assert tokens(torch.zeros(3, 7, dtype=torch.int64), lengths).shape == (3, 7, 5)


def test_forget_gates_begin_open() -> None:
    cells = build("lstm", (7, 3), hidden=4).cells
    assert isinstance(cells, nn.LSTM)
    assert isinstance(cells.bias_ih_l0, Tensor)
    assert cells.bias_ih_l0[4:8].tolist() == [1.0] * 4


def test_attention_is_pytorchs_own() -> None:
    network = build("encoder", (6, 8), d_model=32, heads=4, blocks=1)
    (block,) = (one for one in network.modules() if isinstance(one, Attention))
    own = nn.MultiheadAttention(32, 4, batch_first=True)
    with torch.no_grad():
        own.in_proj_weight.copy_(block.asked.weight)
        own.in_proj_bias.copy_(block.asked.bias)
        own.out_proj.weight.copy_(block.told.weight)
        own.out_proj.bias.copy_(block.told.bias)
    steps = drawn(2, 6, 32)
    torch.testing.assert_close(block(steps), own(steps, steps, steps, need_weights=False)[0])


def test_heads_divide_the_width() -> None:
    with pytest.raises(BadParameter, match="heads must divide d_model, which is 64; 5 does not"):
        build("encoder", (6, 8), heads=5)


def test_a_block_of_a_resnet_does_nothing_at_first() -> None:
    network = build("resnet", (1, 8, 8), stages=1, depth=3)
    stem, *blocks, _head = network.children()
    found = stem(drawn(4, 1, 8, 8))
    for block in blocks:
        torch.testing.assert_close(block(found), found)


def test_many_layers_hinder_a_vgg_and_not_a_resnet() -> None:
    """What residual blocks were made for: gradients come to the first layer, however many there are."""
    shares = {}
    for name in ("vgg", "resnet"):
        network = build(name, (1, 8, 8), stages=1, depth=20, width=8, norm="none", activation="tanh")
        first, *_ = (one for one in network.modules() if isinstance(one, nn.Conv2d))
        loss = nn.functional.cross_entropy(network(drawn(16, 1, 8, 8)), torch.arange(16) % 5)
        torch.autograd.backward(loss)
        assert first.weight.grad is not None
        shares[name] = float(first.weight.grad.norm())
    assert shares["resnet"] > 1000 * shares["vgg"]


def test_a_layer_of_a_densenet_keeps_all_before_it() -> None:
    network = build("densenet", (1, 8, 8), growth_rate=4, dense_layers=3, stages=1)
    layers = [one for one in network.modules() if isinstance(one, Layer)]
    given = drawn(2, 8, 8, 8)
    found = layers[0](given)
    assert found.shape == (2, 12, 8, 8)
    assert torch.equal(found[:, :8], given)


def test_an_inception_block_has_four_branches_in_eighths() -> None:
    network = build("inception", (1, 8, 8), width=20, stages=1, depth=1)
    (block,) = (one for one in network.modules() if isinstance(one, Block))
    given = drawn(2, 24, 8, 8)
    widths = [branch(given).shape[1] for branch in (block.single, block.small, block.large, block.pooled)]
    assert widths == [6, 12, 3, 3]


def test_the_choice_of_a_model_says_which_dimensions_are_whose() -> None:
    chooser, *others = choice_of(*IMAGES, default="cnn")
    assert chooser.entry["choices"] == list(IMAGES)
    when = {one.name: one.entry.get("when") for one in others}
    assert when["stages"] is None
    assert when["growth_rate"] == {"model": "densenet"}
    assert when["depth"] == {"model": ["vgg", "inception", "resnet"]}
    with pytest.raises(ValueError, match="another model mean different things by hidden"):
        choice_of("mlp", "lstm", default="mlp")


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("lstm", {"bidirectional": True}, "bidirectional must be false for small: what comes next would be seen"),
        ("encoder", {}, "model must not be 'encoder' for small: it would see what comes next; try 'decoder'"),
    ],
)
def test_a_model_of_language_must_not_see_what_comes_next(name: str, given: dict[str, Scalar], said: str) -> None:
    model = MODELS[name]
    tokens = torch.zeros(4, 7, dtype=torch.int64)
    chosen = Chosen((*model.dimensions, *building.DIMENSIONS), given)
    with pytest.raises(BadParameter, match=said):
        building.built(model, data(tokens, tokens, task="language"), chosen)
