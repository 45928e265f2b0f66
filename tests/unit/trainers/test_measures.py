"""Measures: what scikit-learn says of the same outputs, however the samples are cut into batches."""

from collections.abc import Mapping

import pytest
import torch
from sklearn import metrics
from torch import Tensor

from tests.unit.trainers.techniques.given import drawn
from trainers import measures
from trainers.data.dataset import IGNORED, Task


def found(task: Task, outputs: Tensor, targets: Tensor, cuts: int) -> Mapping[str, float]:
    total: measures.Sums = {}
    for some, wanted in zip(outputs.tensor_split(cuts), targets.tensor_split(cuts), strict=True):
        for name, one in measures.sums(some, wanted).items():
            total[name] = total[name] + one if name in total else one
    return {name: float(one) for name, one in measures.figures(task, total).items()}


@pytest.mark.parametrize("cuts", [1, 7])
def test_of_classes(cuts: int) -> None:
    logits, labels = drawn(50, 4), torch.arange(50) % 3
    told = found("classification", logits, labels, cuts)
    guessed = logits.argmax(1)
    assert told["accuracy"] == pytest.approx(metrics.accuracy_score(labels, guessed))
    assert told["f1"] == pytest.approx(metrics.f1_score(labels, guessed, average="macro"))
    assert told["loss"] == pytest.approx(
        metrics.log_loss(labels, logits.double().softmax(1), labels=range(4)), rel=1e-5
    )


@pytest.mark.parametrize("cuts", [1, 7])
def test_of_numbers(cuts: int) -> None:
    outputs, targets = drawn(50, 2), drawn(50, 2, seed=1)
    told = found("regression", outputs, targets, cuts)
    assert told["mse"] == pytest.approx(metrics.mean_squared_error(targets, outputs), rel=1e-5)
    assert told["mae"] == pytest.approx(metrics.mean_absolute_error(targets, outputs), rel=1e-5)
    assert told["r2"] == pytest.approx(metrics.r2_score(targets, outputs), rel=1e-4)
    assert told["loss"] == told["mse"]


def test_of_symbols_only_those_that_are_asked_for() -> None:
    logits, labels = drawn(6, 9, 5), torch.arange(54).reshape(6, 9) % 5
    labels[:, ::2] = IGNORED
    told = found("language", logits, labels, 2)
    asked = labels != IGNORED
    loss = torch.nn.functional.cross_entropy(logits[asked], labels[asked])
    assert told["loss"] == pytest.approx(float(loss), rel=1e-5)
    assert told["perplexity"] == pytest.approx(float(loss.exp()), rel=1e-5)
    assert told["accuracy"] == pytest.approx(float((logits[asked].argmax(1) == labels[asked]).float().mean()))
