"""The pace of a training: steps of an epoch, whose samples, and the horizon that schedules go by."""

from dataclasses import replace

import pytest
import torch

from tests.unit.trainers import small
from trainers import loop, pace
from trainers.chosen import Chosen
from trainers.data.dataset import Part
from trainers.local import LocalTrial
from trainers.space import BadParameter, Scalar

CPU = torch.device("cpu")


def of(samples: int, horizon: int | None = None, **params: Scalar) -> pace.Pace:
    return pace.of(Chosen(loop.DIMENSIONS, params), samples, horizon)


@pytest.mark.parametrize(
    ("samples", "batch", "sizes"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (8, 4, [4, 4]), (4, 4, [4]), (3, 1, [1, 1, 1]), (5, 4, [5])],
)
def test_every_sample_once_and_none_alone(samples: int, batch: int, sizes: list[int]) -> None:
    found = of(samples, batch_size=batch)
    batches = found.batches(7, CPU)
    assert [len(one) for one in batches] == sizes
    assert found.steps == len(sizes)
    assert sorted(torch.cat(batches).tolist()) == list(range(samples))
    assert torch.cat(found.batches(7, CPU)).tolist() == torch.cat(batches).tolist()


def test_a_full_batch_is_one_step_without_chance() -> None:
    """Of all samples, whatever order they are in and whatever the batch size says: the same training for each seed."""
    assert [len(one) for one in of(40, full_batch=True, batch_size=64).batches(1, CPU)] == [40]
    params: dict[str, Scalar] = {"full_batch": True, "optimizer": "sgd", "epochs": 3}
    data, curves = small.pictures(), []
    for seed in (1, 2):
        mixed = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
        part = Part(data.train.inputs[mixed], data.train.targets[mixed])
        trial, _ = small.train(replace(data, train=part), params)
        curves.append([point["val_loss"] for _, point in trial.points])
    assert curves[0] == pytest.approx(curves[1], rel=1e-5)


def test_a_batch_over_the_data_is_refused_by_name() -> None:
    with pytest.raises(BadParameter, match="batch_size must be at most 40, the samples to train on, not 64"):
        small.train(small.pictures(), {"batch_size": 64})


def test_the_horizon_is_the_study_s() -> None:
    assert of(100, None, epochs=5, batch_size=10).total == 50
    assert of(100, 20, epochs=5, batch_size=10).total == 200, "schedules go by the longest training there may be"
    assert (of(100, 20).epochs, of(100, 20, epochs=5).epochs, of(100).epochs) == (20, 5, 20)
    assert of(100, 20, epochs=5, batch_size=10).longest == 20


def test_values_at_one_epoch_are_the_same_whatever_the_budget() -> None:
    params: dict[str, Scalar] = {"schedule": "cosine", "warm_up": 0.1}
    long, short = LocalTrial({}, horizon=6), LocalTrial({}, horizon=6)
    small.train(small.pictures(), {**params, "epochs": 6}, trial=long)
    small.train(small.pictures(), {**params, "epochs": 2}, trial=short)
    assert short.points == long.points[:2]
