"""A trial's rules: what it tells when, and how it obeys."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from trainers import api, checkpoint
from trainers.api import Failed, Orders, Resume, Stop, Trial
from trainers.checkpoint import Written


class Heard:
    """A channel that remembers."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def reported(self, step: int, metrics: Mapping[str, float], elapsed: float, cost: float | None) -> None:
        self.all.append((step, dict(metrics), elapsed))

    def saved(self, step: int, file: Written) -> None:
        self.all.append(f"saved {step}")

    def read(self, fingerprint: str) -> None:
        self.all.append(f"read {fingerprint[:4]}")


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def trial(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> Trial:
    return _trial(heard, monkeypatch)


def _trial(heard: Heard, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Trial:
    def save(what: Any, folder: Path, step: int) -> Written | None:
        return None if what == "too much" else Written(folder / str(step), "0" * 64, 1)

    monkeypatch.setattr(checkpoint, "save", save)
    ticks = iter(range(1000))
    return Trial(params={"lr": 1}, seed=1, folder=Path("/none"), channel=heard, clock=lambda: next(ticks), **more)


def test_points_are_told_with_the_time_since_the_start(trial: Trial, heard: Heard) -> None:
    trial.report(1, 0.5)
    trial.report(4, loss=0.25)
    assert heard.all == [(1, {"value": 0.5}, 1), (4, {"loss": 0.25}, 2)]


def test_steps_must_grow_but_optuna_lets_a_second_report_pass(trial: Trial, heard: Heard) -> None:
    trial.report(0, 0.5)
    with pytest.raises(ValueError, match="step 0 comes after step 0, but steps must grow"):
        trial.report(0, 0.5)
    trial.suggest_float("lr", 0, 2)
    trial.report(0.25, 0)
    trial.report(0.25, 1)
    assert [step for step, *_ in heard.all] == [0, 1]


def test_a_checkpoint_belongs_to_the_last_step_and_waits_for_one_to_come(trial: Trial, heard: Heard) -> None:
    trial.checkpoint({})
    trial.report(1, 0.5)
    trial.checkpoint({})
    trial.checkpoint({}, step=2)
    trial.report(2, 0.5)
    told = [one if isinstance(one, str) else one[0] for one in heard.all]
    assert told == ["saved 0", 1, "saved 1", 2, "saved 2"]


def test_whoever_never_asks_is_stopped_by_report(trial: Trial, heard: Heard) -> None:
    trial.report(1, 0.5)
    trial.orders.give("stop", "number 4 of 9")
    with pytest.raises(Stop, match="number 4 of 9"):
        trial.report(2, 0.5)
    # The point that was just told is not lost.
    assert heard.all[-1][0] == 2
    assert trial.obeyed == "stop"


def test_whoever_asks_ends_by_itself(trial: Trial) -> None:
    assert trial.should_stop() is None
    assert trial.should_prune() is False
    trial.orders.give("pause")
    trial.report(1, 0.5)
    assert trial.obeyed is None
    assert trial.should_checkpoint() is True
    trial.checkpoint({})
    assert trial.should_checkpoint() is False
    assert trial.should_stop() == "pause"
    assert trial.should_prune() is True
    assert trial.obeyed == "pause"


@pytest.mark.parametrize("order", ["pause", "preempt"])
def test_a_trainer_that_keeps_checkpoints_ends_with_the_next(trial: Trial, heard: Heard, order: Any) -> None:
    trial.report(1, 0.5)
    trial.checkpoint({})
    trial.orders.give(order)
    trial.report(2, 0.5)
    trial.report(3, 0.5)
    with pytest.raises(Stop):
        trial.checkpoint({})
    assert heard.all[-1] == "saved 3"


def test_a_trainer_that_kept_none_ends_at_once(trial: Trial) -> None:
    trial.orders.give("pause")
    with pytest.raises(Stop):
        trial.report(1, 0.5)


def test_a_saver_is_called_when_something_is_to_be_kept(trial: Trial, heard: Heard) -> None:
    saves: list[int] = []
    trial.on_checkpoint(lambda: saves.append(len(saves)))
    trial.report(1, 0.5)
    trial.orders.give("checkpoint")
    trial.report(2, 0.5)
    trial.report(3, 0.5)
    trial.orders.give("preempt")
    with pytest.raises(Stop):
        trial.report(4, 0.5)
    assert saves == [0, 1]
    assert [one for one in heard.all if isinstance(one, str)] == ["saved 2", "saved 4"]


def test_a_full_disk_is_told_and_does_not_end_the_training(
    trial: Trial, heard: Heard, capsys: pytest.CaptureFixture[str]
) -> None:
    trial.report(1, 0.5)
    trial.orders.give("checkpoint")
    assert trial.checkpoint("too much") is None
    trial.report(2, 0.5)
    assert "no space left for the checkpoint of step 1; training goes on" in capsys.readouterr().out
    assert len(heard.all) == 2


def test_stop_stands_whatever_comes_after() -> None:
    orders = Orders()
    orders.give("pause", "rung 1")
    orders.give("preempt", "the node goes down")
    assert (orders.end, orders.reason) == ("preempt", "the node goes down")
    orders.give("stop", "cancelled")
    orders.give("preempt", "the node goes down")
    assert (orders.end, orders.reason) == ("stop", "cancelled")


def test_only_the_process_that_was_given_the_trial_may_report(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(RuntimeError, match="report from the process that was given the trial"):
        trial.report(1, 0.5)


def test_a_resumed_trial_tells_only_what_is_new(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = _trial(heard, monkeypatch, resume=Resume(5, Path("/none/5")))
    for step in range(4, 8):
        trial.report(step, 0.5)
    assert [step for step, *_ in heard.all] == [6, 7]


def test_optunas_older_verbs_and_attributes(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    assert trial.suggest_uniform("lr", 0, 2) == trial.suggest_loguniform("lr", 0.1, 2) == 1.0
    assert trial.suggest_discrete_uniform("lr", 0, 2, 0.5) == trial.suggest_int("lr", 0, 2) == 1
    assert trial.suggest_categorical("lr", [1, 2]) == 1
    trial.set_user_attr("size", 3)
    assert trial.user_attrs == {"size": 3}
    assert capsys.readouterr().out == "size = 3\n"


def test_stop_is_no_exception_that_is_caught_by_the_way() -> None:
    assert not issubclass(api.Stop, Exception)


def test_data_are_told_where_no_other_trial_has_told_or_the_same(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    for known in (None, "ab" * 32):
        _trial(heard, monkeypatch, data_fingerprint=known).trains_on("ab" * 32)
    assert heard.all == ["read abab", "read abab"]


def test_other_data_than_the_studys_end_the_trial_and_both_are_named(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = _trial(heard, monkeypatch, data_fingerprint="ab" * 32)
    with pytest.raises(Failed) as refused:
        trial.trains_on("cd" * 32)
    assert refused.value.failure_class == "user_error"
    assert str(refused.value) == (
        f"the data here have fingerprint {'cd' * 32}, but the study's first trial was trained on data with "
        f"{'ab' * 32}: give this worker the same data, or make a new study for these"
    )
    with pytest.raises(ValueError, match="'digits' is no SHA-256 in hexadecimal"):
        trial.trains_on("digits")
    assert heard.all == []
