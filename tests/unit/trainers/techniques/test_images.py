"""Augmentations of images: each does what it is called, to a whole batch at once, by the generator that it is given."""

import pytest
import torch
from torch import Tensor

from tests.unit.trainers.techniques.given import chance, chosen, data, drawn
from trainers.space import BadParameter, Scalar
from trainers.techniques import preparing
from trainers.techniques.augmentation.affine import warp
from trainers.techniques.augmentation.crop import crop
from trainers.techniques.augmentation.cutout import cutout
from trainers.techniques.augmentation.flip import flip
from trainers.techniques.augmentation.noise import noise
from trainers.techniques.preparing import Prepare

IMAGES = drawn(400, 2, 8, 8)
SMALL = data(IMAGES, torch.arange(400) % 3)
ALL: dict[str, Scalar] = {
    "aug_crop": 2,
    "aug_flip": 0.5,
    "aug_rotate": 20.0,
    "aug_scale": 0.2,
    "aug_translate": 0.1,
    "aug_noise": 0.1,
    "aug_cutout": 0.3,
}


def prepared(**given: Scalar) -> Prepare:
    prepare = preparing.make(chosen("augmentation", **given), SMALL)
    assert prepare is not None
    return prepare


def blob(high: int = 33, wide: int = 33, at: tuple[int, int] = (16, 24)) -> Tensor:
    """One soft spot, many times over."""
    rows, columns = torch.arange(high)[:, None], torch.arange(wide)
    spot = torch.exp(-((rows - at[0]) ** 2 + (columns - at[1]) ** 2) / 8.0)
    return spot.expand(200, 1, high, wide)


def middles(images: Tensor) -> tuple[Tensor, Tensor]:
    """Where the spots are, from the middle of the image, down and across."""
    high, wide = images.shape[2:]
    mass = images[:, 0] / images[:, 0].sum((1, 2), keepdim=True)
    down = (mass.sum(2) * torch.arange(high)).sum(1) - (high - 1) / 2
    across = (mass.sum(1) * torch.arange(wide)).sum(1) - (wide - 1) / 2
    return down, across


@pytest.mark.parametrize("name", ALL)
def test_chance_comes_from_the_generator_alone(name: str) -> None:
    prepare = prepared(**{name: ALL[name]})
    inputs, targets = SMALL.train.inputs, SMALL.train.targets
    torch.manual_seed(1)
    first = prepare(inputs, targets, chance())[0]
    torch.manual_seed(2)
    assert torch.equal(prepare(inputs, targets, chance())[0], first)
    assert not torch.equal(prepare(inputs, targets, chance(1))[0], first)
    assert first.shape == IMAGES.shape
    # Each sample has a chance of its own, and so have those behind it.
    same = prepare(inputs[:1].expand(400, -1, -1, -1), targets, chance())[0]
    assert len(torch.unique(same.flatten(1), dim=0)) > 1


def test_a_crop_is_a_window_of_the_mirrored_image() -> None:
    moved = crop(IMAGES, 2, chance())
    larger = torch.nn.functional.pad(IMAGES, (2, 2, 2, 2), mode="reflect")
    windows = torch.stack([larger[:, :, i : i + 8, j : j + 8] for i in range(5) for j in range(5)], dim=1)
    hits = (windows == moved[:, None]).flatten(2).all(2)
    assert torch.equal(hits.sum(1), torch.ones(400, dtype=torch.int64))
    # All 25 windows are as likely.
    assert int(hits.sum(0).min()) > 4


def test_so_many_images_are_mirrored() -> None:
    turned = flip(IMAGES, 0.3, chance())
    mirrored = (turned == IMAGES.flip(-1)).flatten(1).all(1)
    same = (turned == IMAGES).flatten(1).all(1)
    assert bool((mirrored ^ same).all())
    assert float(mirrored.float().mean()) == pytest.approx(0.3, abs=0.07)


def test_nothing_is_changed_by_bounds_of_0() -> None:
    torch.testing.assert_close(warp(IMAGES, chance()), IMAGES, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(33, 33), (33, 65)])
def test_a_rotation_turns_about_the_middle(shape: tuple[int, int]) -> None:
    high, wide = shape
    spots = blob(high, wide, at=(high // 2, wide // 2 + 8))
    down, across = middles(warp(spots, chance(), degrees=40.0))
    torch.testing.assert_close(torch.hypot(down, across), torch.full((200,), 8.0), atol=0.2, rtol=0)
    angles = torch.rad2deg(torch.atan2(down, across))
    assert float(angles.abs().max()) < 41
    assert float(angles.min()) < -30
    assert float(angles.max()) > 30


def test_a_scaled_image_is_larger_or_smaller() -> None:
    down, across = middles(warp(blob(), chance(), scale=0.3))
    torch.testing.assert_close(down, torch.zeros(200), atol=0.1, rtol=0)
    assert float(across.min()) == pytest.approx(8 * 0.7, abs=0.3)
    assert float(across.max()) == pytest.approx(8 * 1.3, abs=0.3)


def test_a_translation_moves_the_middle() -> None:
    down, across = middles(warp(blob(at=(16, 16)), chance(), shift=0.2))
    for moved in (down, across):
        assert float(moved.abs().max()) == pytest.approx(33 * 0.2, abs=0.3)
        assert float(moved.mean()) == pytest.approx(0.0, abs=1.0)
    assert abs(float(torch.corrcoef(torch.stack([down, across]))[0, 1])) < 0.3


def test_noise_has_its_deviation() -> None:
    added = noise(IMAGES, 0.3, chance()) - IMAGES
    assert float(added.std()) == pytest.approx(0.3, rel=0.02)
    assert float(added.mean()) == pytest.approx(0.0, abs=0.01)


def test_cutout_blanks_a_square() -> None:
    blanked = cutout(torch.ones(400, 2, 8, 8), 3, chance())
    gone = blanked[:, 0] == 0
    assert torch.equal(blanked[:, 0], blanked[:, 1])
    rows, columns = gone.any(2), gone.any(1)
    assert torch.equal(gone, rows[:, :, None] & columns[:, None, :])
    sides = torch.cat([rows.sum(1), columns.sum(1)])
    # At the border a part of it is outside.
    assert set(sides.tolist()) == {2, 3}
    assert bool(gone.any(0).all())


def test_rotation_scale_and_translation_are_one_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    sampled = []
    own = torch.nn.functional.grid_sample

    def counted(*given: Tensor, **named: object) -> Tensor:
        sampled.append(1)
        return own(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("torch.nn.functional.grid_sample", counted)
    prepared(aug_rotate=10.0, aug_scale=0.1, aug_translate=0.1)(SMALL.train.inputs, SMALL.train.targets, chance())
    assert len(sampled) == 1


@pytest.mark.parametrize("name", [name for name in ALL if name != "aug_noise"])
def test_what_is_no_image_is_not_augmented_as_one(name: str) -> None:
    rows = data(drawn(6, 4), torch.arange(6) % 3)
    with pytest.raises(BadParameter, match=f"{name} must be 0 for small: it changes images, and this has none"):
        preparing.make(chosen("augmentation", **{name: ALL[name]}), rows)


def test_noise_is_for_numbers_and_crops_for_what_is_large_enough() -> None:
    tokens = data(torch.zeros(6, 4, dtype=torch.int64), torch.arange(6) % 3)
    with pytest.raises(BadParameter, match="aug_noise must be 0 for small: its inputs are symbols, not numbers"):
        preparing.make(chosen("augmentation", aug_noise=0.1), tokens)
    tiny = data(drawn(6, 1, 3, 3), torch.arange(6) % 3)
    with pytest.raises(BadParameter, match="aug_crop must be at most 2 for small, not 3"):
        preparing.make(chosen("augmentation", aug_crop=3), tiny)


def test_what_was_not_chosen_is_not_there() -> None:
    assert preparing.make(chosen("augmentation"), SMALL) is None
