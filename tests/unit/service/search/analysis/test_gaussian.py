"""The small Gaussian process and the unit cube."""

import math

import numpy as np
import pytest

from service.search.analysis import gaussian
from service.search.analysis.cube import Cube
from service.search.analysis.gaussian import Prediction, expected_gain, predict
from service.search.distributions import Layout
from tests.unit.service.search.samples import definition

SPACE = {
    "rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "kind": {"type": "categorical", "choices": ["a", "b", "c"]},
    "size": {"type": "int", "low": 0, "high": 10},
    "only": {"type": "categorical", "choices": ["x"]},
    "depth": {"type": "float", "low": 0, "high": 1, "when": {"kind": "a"}},
}


def gaps(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return np.asarray((ours.T[:, :, None] - theirs.T[:, None, :]) ** 2)


def test_distances_in_the_cube() -> None:
    cube = Cube(Layout(definition(space=SPACE).space))
    points = cube.points(
        [
            {"rate": 1e-4, "kind": "a", "size": 0, "only": "x", "depth": 0.25},
            {"rate": 1e-2, "kind": "a", "size": 10, "only": "x", "depth": 0.75},
            {"rate": 1e-4, "kind": "c", "size": 0, "only": "x"},
        ]
    )
    squared = cube.gaps(points, points)
    assert squared.sum(axis=0)[0] == pytest.approx([0, 0.25 + 1 + 0.25, 2])
    assert squared.sum(axis=0)[2] == pytest.approx([2, 0.25 + 1 + 1 + 1, 0])


def test_a_smooth_function_is_predicted() -> None:
    chance = np.random.default_rng(3)
    known, unknown = chance.random((60, 2)), chance.random((40, 2))

    def truth(at: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(4 * at[:, 0]) + 0.5 * at[:, 1])

    squared = gaps(known, known)
    found = [predict(squared, gaps(known, one[None])[:, :, 0], truth(known)) for one in unknown]
    wrong = np.array([one.mean for one in found]) - truth(unknown)
    assert np.abs(wrong).max() < 0.2
    # It knows what it does not know: nearly all are within three standard deviations.
    assert np.mean(np.abs(wrong) < 3 * np.array([one.sd for one in found]) + 1e-3) > 0.9


def test_far_from_all_points_it_knows_nothing() -> None:
    known = np.linspace(0, 0.1, 8)[:, None]
    values = np.sin(60 * known[:, 0])
    near = predict(gaps(known, known), gaps(known, known[:1])[:, :, 0], values)
    far = predict(gaps(known, known), gaps(known, np.array([[1.0]]))[:, :, 0], values)
    assert far.sd > 2 * near.sd


def test_equal_values_are_no_trouble() -> None:
    known = np.random.default_rng(1).random((6, 2))
    found = predict(gaps(known, known), gaps(known, known[:1])[:, :, 0], np.full(6, 2.5))
    assert found.mean == pytest.approx(2.5)


def test_the_gradient_is_that_of_the_loss() -> None:
    chance = np.random.default_rng(5)
    known, values = chance.random((12, 3)), chance.standard_normal(12)
    squared = gaps(known, known)
    at = chance.standard_normal(5) * 0.3
    _, gradient = gaussian._loss(at, squared, values)
    step = 1e-6
    numeric = [
        (gaussian._loss(at + step * unit, squared, values)[0] - gaussian._loss(at - step * unit, squared, values)[0])
        / (2 * step)
        for unit in np.eye(5)
    ]
    assert gradient == pytest.approx(np.array(numeric), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("minimize", [True, False])
def test_expected_gain_is_the_mean_of_what_would_be_gained(minimize: bool) -> None:
    drawn = np.random.default_rng(2).normal(1.0, 0.5, 400_000)
    gained = np.maximum(0.8 - drawn if minimize else drawn - 0.8, 0).mean()
    assert expected_gain(Prediction(1.0, 0.5), 0.8, minimize=minimize) == pytest.approx(gained, rel=0.02)
    assert expected_gain(Prediction(1.0, 0.0), 0.8, minimize=minimize) == pytest.approx(0.0 if minimize else 0.2)
    assert math.isfinite(expected_gain(Prediction(1.0, 1e-12), 0.8, minimize=minimize))
