"""What becomes of targets: smoothed, mixed, made wrong."""

import pytest
import torch
from torch.nn import functional

from tests.unit.trainers.techniques.given import chance, chosen, data, drawn
from trainers.data.dataset import IGNORED
from trainers.space import BadParameter
from trainers.techniques import preparing
from trainers.techniques.regularization import label_noise, label_smoothing, mixup

LABELS = torch.tensor([0, 2, 1, 2, 2, 0])
SMALL = data(drawn(6, 4), LABELS)


def test_smoothing_is_pytorchs_own() -> None:
    smooth = label_smoothing.make(chosen("regularization", label_smoothing=0.1), SMALL)
    assert smooth is not None
    outputs = drawn(6, 3)
    own = functional.cross_entropy(outputs, LABELS, label_smoothing=0.1)
    torch.testing.assert_close(functional.cross_entropy(outputs, smooth(LABELS)), own)


def test_mixtures_are_of_two_samples_by_a_beta_variable() -> None:
    count = 20_000
    inputs, targets = torch.arange(count).double()[:, None], torch.arange(count).double()[:, None]
    for alpha in (0.1, 0.5, 1.0):
        mixed, mixed_targets = mixup.mix(inputs, targets, 0, alpha, chance())
        assert torch.equal(mixed, mixed_targets)
        assert bool(torch.isfinite(mixed).all())
        # Which share it was follows from the one that it was mixed with, which the same chance gives again.
        drawn_again = chance()
        torch._standard_gamma(torch.full((2, count), alpha, dtype=torch.float64), drawn_again)
        other = torch.randperm(count, generator=drawn_again)
        apart = other != torch.arange(count)
        share = ((mixed[:, 0] - other) / (torch.arange(count) - other))[apart]
        # Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)).
        assert float(share.mean()) == pytest.approx(0.5, abs=0.02)
        assert float(share.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)


def test_classes_are_mixed_as_shares() -> None:
    mix = mixup.make(chosen("regularization", mixup_alpha=0.4), SMALL)
    assert mix is not None
    inputs, targets = mix(SMALL.train.inputs, LABELS, chance())
    assert inputs.shape == (6, 4)
    torch.testing.assert_close(targets.sum(1), torch.ones(6))
    # Means stay as they are: each sample is in it as often as before.
    assert not torch.equal(inputs, SMALL.train.inputs)


def test_so_many_labels_are_wrong() -> None:
    labels = torch.arange(10_000) % 5
    clean = data(drawn(10_000, 1), labels, outputs=5)
    given = chosen("regularization", label_noise=0.3)
    noised = label_noise.make(given, clean)
    wrong = noised.train.targets != labels
    assert float(wrong.float().mean()) == pytest.approx(0.3, abs=0.02)
    assert int(noised.train.targets.min()) == 0
    assert int(noised.train.targets.max()) == 4
    assert noised.validation is clean.validation
    assert torch.equal(label_noise.make(given, clean).train.targets, noised.train.targets)
    assert label_noise.make(chosen("regularization"), clean) is clean


def test_steps_without_a_target_stay_without() -> None:
    targets = torch.full((50, 4), IGNORED)
    noised = label_noise.make(chosen("regularization", label_noise=1.0), data(drawn(50, 4), targets))
    assert torch.equal(noised.train.targets, targets)


@pytest.mark.parametrize(
    ("name", "inputs", "targets", "why"),
    [
        ("label_smoothing", drawn(4, 2), drawn(4, 1), "it has no classes, but numbers to predict"),
        ("label_smoothing", drawn(4, 2), torch.tensor([[0, IGNORED]]), "some of its steps have no target"),
        ("label_noise", drawn(4, 2), drawn(4, 1), "it has no classes that could be mistaken"),
        ("mixup_alpha", torch.arange(4)[:, None], LABELS[:4], "its inputs are symbols, and cannot be mixed"),
    ],
)
def test_what_cannot_be_done_to_targets_is_refused(
    name: str, inputs: torch.Tensor, targets: torch.Tensor, why: str
) -> None:
    given, small = chosen("regularization", **{name: 0.2}), data(inputs, targets)
    with pytest.raises(BadParameter, match=f"{name} must be 0 for small: {why}"):
        label_noise.make(given, small) if name == "label_noise" else preparing.make(given, small)


def test_a_batch_is_augmented_then_smoothed_then_mixed() -> None:
    given = chosen("regularization", label_smoothing=0.3, mixup_alpha=0.5)
    prepare = preparing.make(given, SMALL)
    assert prepare is not None
    _, targets = prepare(SMALL.train.inputs, LABELS, chance())
    # Of three classes each has at least a third of what was smoothed.
    assert float(targets.min()) >= 0.1 - 1e-6
    torch.testing.assert_close(targets.sum(1), torch.ones(6))
    assert preparing.make(chosen("regularization"), SMALL) is None
