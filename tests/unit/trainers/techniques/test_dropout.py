"""What is left out by chance: numbers, channels, blocks; the mean is kept, and nothing is left out of judgement."""

import pytest
import torch

from trainers.chosen import Chosen
from trainers.models.resnet import MODEL
from trainers.techniques.regularization import dropout, spatial_dropout, stochastic_depth

ONES = torch.ones(200, 16, 4, 4)


def test_it_keeps_the_mean_and_drops_its_share() -> None:
    torch.manual_seed(0)
    layer = dropout.make(Chosen(dropout.TECHNIQUE.dimensions, {"dropout": 0.3}))
    found = layer(ONES)
    assert float((found == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(found.mean()) == pytest.approx(1.0, abs=0.01)
    assert torch.equal(layer.eval()(ONES), ONES)


def test_whole_channels_are_left_out() -> None:
    torch.manual_seed(0)
    layer = spatial_dropout.make(Chosen(spatial_dropout.TECHNIQUE.dimensions, {"spatial_dropout": 0.3}))
    channels = layer(ONES).flatten(2)
    assert torch.equal(channels.amin(2), channels.amax(2))
    assert float((channels[:, :, 0] == 0).float().mean()) == pytest.approx(0.3, abs=0.03)
    assert torch.equal(layer.eval()(ONES), ONES)


def test_blocks_are_skipped_and_the_mean_is_kept() -> None:
    torch.manual_seed(0)
    given = Chosen(stochastic_depth.TECHNIQUE.dimensions, {"stochastic_depth": 0.5})
    ends = [stochastic_depth.make(given, block, 4) for block in (1, 2, 3, 4)]
    shares = [float((end(torch.ones(4000, 2))[:, 0] == 0).float().mean()) for end in ends]
    assert shares == pytest.approx([0.125, 0.25, 0.375, 0.5], abs=0.03)
    assert float(ends[3](torch.ones(4000, 2)).mean()) == pytest.approx(1.0, abs=0.05)
    assert torch.equal(ends[3].eval()(ONES), ONES)


def test_each_block_of_a_resnet_can_be_skipped() -> None:
    given = Chosen(MODEL.dimensions, {"stochastic_depth": 0.4, "stages": 2, "depth": 2})
    network = MODEL.build((1, 8, 8), 10, given)
    ends = [one for one in network.modules() if isinstance(one, stochastic_depth.Skipped)]
    assert [one.probability for one in ends] == pytest.approx([0.1, 0.2, 0.3, 0.4])
