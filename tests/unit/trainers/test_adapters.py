"""The callbacks against objects that behave as Lightning's and Hugging Face's documentation has it."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from trainers import checkpoint
from trainers.adapters import lightning, transformers
from trainers.api import Resume, Stop, Trial
from trainers.checkpoint import Written


class Heard:
    """A channel that remembers."""

    def __init__(self) -> None:
        self.points: list[Any] = []
        self.saved_steps: list[int] = []

    def reported(self, step: int, metrics: Any, elapsed: float, cost: float | None) -> None:
        self.points.append((step, dict(metrics)))

    def saved(self, step: int, file: Written) -> None:
        self.saved_steps.append(step)

    def read(self, fingerprint: str) -> None:
        raise AssertionError("no adapter knows the data")


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def trial(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> Trial:
    monkeypatch.setattr(checkpoint, "save", lambda what, folder, step: Written(Path(what), "0" * 64, 1))
    return Trial(params={}, seed=1, folder=Path("/none"), channel=heard)


class LightningTrainer:
    """What a callback sees of `lightning.Trainer`."""

    def __init__(self) -> None:
        self.sanity_checking = False
        self.is_global_zero = True
        self.current_epoch = 0
        self.callback_metrics: dict[str, Any] = {}
        self.strategy = SimpleNamespace(broadcast=lambda value: value)
        self.files: list[str] = []

    def save_checkpoint(self, path: str) -> None:
        self.files.append(path)


@pytest.fixture
def lightning_callback(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> Any:
    library = ModuleType("lightning.pytorch")
    library.Callback = type("Callback", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lightning", ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", library)
    monkeypatch.setattr(Path, "unlink", lambda path: None)
    made = lightning.callback(trial, every=2)
    assert isinstance(made, library.Callback)
    return made


def test_lightning_reports_each_validation_and_saves_every_so_many(lightning_callback: Any, heard: Heard) -> None:
    trainer = LightningTrainer()
    trainer.sanity_checking = True
    lightning_callback.on_validation_end(trainer, None)
    trainer.sanity_checking = False
    for epoch in range(3):
        trainer.current_epoch = epoch
        trainer.callback_metrics = {"val_loss": 1.0 / (epoch + 1)}
        lightning_callback.on_validation_end(trainer, None)
    assert heard.points == [(1, {"val_loss": 1.0}), (2, {"val_loss": 0.5}), (3, {"val_loss": 1 / 3})]
    assert heard.saved_steps == [2]
    assert trainer.files == ["/none/lightning-2.ckpt"]


def test_lightning_saves_and_ends_together_with_all_ranks(lightning_callback: Any, trial: Trial, heard: Heard) -> None:
    trainer = LightningTrainer()
    trainer.callback_metrics = {"val_loss": 1.0}
    sent: list[Any] = []

    def broadcast(value: Any) -> Any:
        sent.append(value)
        return value

    trainer.strategy.broadcast = broadcast
    trial.orders.give("pause", "rung 1")
    with pytest.raises(Stop, match="rung 1"):
        lightning_callback.on_validation_end(trainer, None)
    assert sent == [("pause", True)]
    assert (heard.points, heard.saved_steps) == ([(1, {"val_loss": 1.0})], [1])
    assert trial.obeyed == "pause"


def test_lightnings_other_ranks_do_as_rank_zero_says(lightning_callback: Any, heard: Heard) -> None:
    trainer = LightningTrainer()
    trainer.is_global_zero = False
    trainer.strategy.broadcast = lambda value: ("stop", True)
    with pytest.raises(Stop):
        lightning_callback.on_validation_end(trainer, None)
    assert (heard.points, heard.saved_steps, len(trainer.files)) == ([], [], 1)


def test_lightning_that_is_not_there_is_told(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match="pip install lightning"):
        lightning.callback(trial)


@pytest.fixture
def face(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> Any:
    library = ModuleType("transformers")
    library.TrainerCallback = type("TrainerCallback", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", library)
    made = transformers.callback(trial)
    assert isinstance(made, library.TrainerCallback)
    return made


def _state(step: int, *, zero: bool = True) -> Any:
    return SimpleNamespace(global_step=step, is_world_process_zero=zero)


def _control() -> Any:
    return SimpleNamespace(should_save=False, should_training_stop=False)


def test_hugging_face_reports_each_evaluation_once(face: Any, heard: Heard) -> None:
    metrics = {"eval_loss": 0.5, "epoch": 1.0, "name": "text"}
    control = face.on_evaluate(None, _state(10), _control(), metrics=metrics, model=None)
    face.on_evaluate(None, _state(10), _control(), metrics=metrics)
    face.on_evaluate(None, _state(20, zero=False), _control(), metrics=metrics)
    assert heard.points == [(10, {"eval_loss": 0.5, "epoch": 1.0})]
    assert control == _control()


def test_hugging_face_saves_before_it_ends(
    face: Any, trial: Trial, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    face.on_evaluate(None, _state(10), _control(), metrics={"eval_loss": 0.5})
    trial.orders.give("preempt")
    control = face.on_step_end(None, _state(11), _control())
    assert (control.should_save, control.should_training_stop) == (True, True)
    monkeypatch.setattr(Path, "is_dir", lambda path: path == Path("/out/checkpoint-11"))
    face.on_save(SimpleNamespace(output_dir="/out"), _state(11), control)
    assert heard.saved_steps == [10]
    assert trial.obeyed == "preempt"


def test_where_to_go_on_from(heard: Heard) -> None:
    fresh = Trial(params={}, seed=1, folder=Path("/none"), channel=heard)
    assert lightning.resume_path(fresh) is transformers.resume_path(fresh) is None
    resumed = Trial(params={}, seed=1, folder=Path("/none"), channel=heard, resume=Resume(3, Path("/none/3.ckpt")))
    assert lightning.resume_path(resumed) == "/none/3.ckpt"
