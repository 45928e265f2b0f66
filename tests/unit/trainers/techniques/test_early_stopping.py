"""Early stopping: when each rule ends a training, and that the best epoch is what stays."""

import pytest

from tests.unit.trainers import small
from trainers.local import LocalTrial
from trainers.techniques.regularization.generalization_loss import GeneralizationLoss
from trainers.techniques.regularization.patience import Patience
from trainers.techniques.regularization.progress_quotient import ProgressQuotient, progress

LEARNED = [1.0, 0.8, 0.6, 0.5, 0.4, 0.39, 0.385, 0.384, 0.3835, 0.383]


def test_patience_counts_from_the_best_epoch() -> None:
    rule = Patience(3)
    ends = [rule.see(0.1, judged) is not None for judged in (1.0, 0.8, 0.9, 0.85, 0.7, 0.7, 0.9, 0.71)]
    assert ends == [False] * 7 + [True]
    assert rule.see(0.1, 0.9) == "no better than 0.7 for 4 epochs (patience 3)"


def test_generalization_loss_is_the_formula() -> None:
    rule = GeneralizationLoss(5.0)
    assert [rule.see(0.1, judged) is None for judged in (1.0, 0.5, 0.52)] == [True] * 3
    # Prechelt: GL = 100 (0.53 / 0.5 - 1) = 6
    assert rule.see(0.1, 0.53) == "6 per cent worse than the best, 0.5 (stop_gl 5)"


def test_progress_quotient_waits_while_training_gets_on() -> None:
    judged = [1.0, 0.9, 0.8, 0.82, 0.84, 0.84, 0.84, 0.84, 0.84, 0.84]
    assert progress(LEARNED[:5]) == pytest.approx(1000 * (3.3 / 5 / 0.4 - 1))
    rule = ProgressQuotient(0.5)
    said = [rule.see(learned, loss) for learned, loss in zip(LEARNED, judged, strict=True)]
    # GL is 5 at both strips' ends; only in the second one training has come to a halt.
    assert [one is None for one in said] == [True] * 9 + [False]
    assert "PQ" in str(said[-1])


def test_the_best_epoch_is_what_stays(capsys: pytest.CaptureFixture[str]) -> None:
    trial = LocalTrial({}, seed=5)
    params = {"patience": 2, "learning_rate": 0.5, "epochs": 40, "health": False}
    _, finished = small.train(small.pictures(), params, trial=trial)
    losses = [point["val_loss"] for _, point in trial.points]
    best = min(range(len(losses)), key=losses.__getitem__)
    assert len(losses) == best + 3 < 40
    assert (finished.epoch, finished.figures) == (best + 1, trial.points[best][1])
    assert f"ended after epoch {best + 3}: no better than {losses[best]:.4g} for 2 epochs" in capsys.readouterr().out


def test_a_training_that_ended_stays_ended() -> None:
    trial = LocalTrial({}, seed=5)
    params = {"patience": 2, "learning_rate": 0.5, "epochs": 40, "health": False}
    ended = LocalTrial({}, seed=5, order="checkpoint", order_after=1)
    _, first = small.train(small.pictures(), params, trial=trial)
    ended = LocalTrial({}, seed=5, order="checkpoint", order_after=len(trial.points))
    small.train(small.pictures(), params, trial=ended)
    again = ended.resumed()
    _, second = small.train(small.pictures(), params, trial=again)
    assert again.points == []
    assert (second.epoch, second.figures) == (first.epoch, first.figures)
    for one, other in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert one.equal(other)
