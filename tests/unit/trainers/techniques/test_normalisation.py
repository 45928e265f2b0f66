"""Normalisations hold mean and deviation, each of what its paper says."""

import pytest
import torch

from tests.unit.trainers.techniques.given import chosen, drawn
from trainers.chosen import Chosen
from trainers.models.catalog import MODELS
from trainers.techniques import catalog

# Over which axes of images (samples, 4 channels, height, width) the mean is 0; groups stand on an axis of their own.
OVER = {"batch": (0, 2, 3), "layer": (1, 2, 3), "group": (2, 3, 4), "none": ()}


@pytest.mark.parametrize("name", catalog.values("normalisation"))
def test_it_holds_mean_and_deviation(name: str) -> None:
    given = chosen("normalisation", norm=name, norm_groups=2)
    images = 3 * drawn(8, 4, 5, 5) + 2
    norm = catalog.maker("normalisation", name)(given, 4, 2)
    found = norm(images)
    if name == "none":
        assert torch.equal(found, images)
        return
    shaped = found.reshape(8, 2, 2, 5, 5) if name == "group" else found
    mean, deviation = shaped.mean(OVER[name]), shaped.std(OVER[name], unbiased=False)
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-5, rtol=0)
    torch.testing.assert_close(deviation, torch.ones_like(deviation), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", catalog.values("normalisation"))
def test_rows_of_numbers_are_normalised_too(name: str) -> None:
    found = catalog.maker("normalisation", name)(chosen("normalisation", norm=name), 4, 0)(3 * drawn(64, 4) + 2)
    assert found.shape == (64, 4)
    assert (abs(float(found.detach().mean())) < 1e-5) == (name != "none")


def test_groups_that_do_not_divide_the_width_become_fewer() -> None:
    norm = catalog.maker("normalisation", "group")(chosen("normalisation", norm_groups=8), 12, 2)
    assert norm.num_groups == 4


def test_a_network_of_twenty_sigmoid_layers_lives_by_normalisation() -> None:
    """Without it what differs between samples is gone at the end: the reason for which it was made."""
    spread = {}
    for name in ("none", "batch"):
        torch.manual_seed(0)
        model = MODELS["mlp"]
        given = Chosen(model.dimensions, {"norm": name, "activation": "sigmoid", "layers": 20, "hidden": 32})
        spread[name] = float(model.build((8,), 3, given)(drawn(64, 8)).detach().std(0).mean())
    assert spread["none"] < 1e-4
    assert spread["batch"] > 0.1


def test_batch_normalisation_of_single_samples_is_a_clash() -> None:
    assert catalog.clashes({"norm": "batch", "batch_size": 1})
    assert not catalog.clashes({"norm": "layer", "batch_size": 1})
