"""A callback for Hugging Face's Trainer: reports each evaluation, ends when the trial is to end, hands on checkpoints.

`Trainer(..., callbacks=[callback(trial)])`, and `trainer.train(resume_from_checkpoint=resume_path(trial))` to go on.
"""

import importlib
from pathlib import Path
from typing import Any

from trainers.api import Trial


def resume_path(trial: Trial) -> str | None:
    """What to give as `resume_from_checkpoint` to `Trainer.train`."""
    return None if trial.resume is None else str(trial.resume.load())


def callback(trial: Trial) -> Any:
    """The callback. A checkpoint is handed on whenever the Trainer saves one (`save_strategy`), or one is wanted."""
    base: type = importlib.import_module("transformers").TrainerCallback
    return type("BasinCallback", (Hooks, base), {})(trial)


class Hooks:
    """What the callback does; the Trainer calls it with its arguments, its state and its control."""

    def __init__(self, trial: Trial) -> None:
        super().__init__()
        self._trial = trial
        self._told = trial.resume.step if trial.resume else -1
        # Said once, so that it is the control's flag that ends the training, and no exception out of `report`.
        trial.should_stop()

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> Any:
        """Report what was measured at a step."""
        step = int(state.global_step)
        numbers = {name: float(one) for name, one in (metrics or {}).items() if isinstance(one, int | float)}
        if state.is_world_process_zero and numbers and step > self._told:
            self._trial.report(step, numbers)
            self._told = step
        return self._look(control)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Look whether to go on."""
        return self._look(control)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Hand on the folder that was just saved. It is a checkpoint of the last step that was reported."""
        folder = Path(args.output_dir) / f"checkpoint-{int(state.global_step)}"
        if state.is_world_process_zero and folder.is_dir():
            self._trial.checkpoint(folder)
        return control

    def _look(self, control: Any) -> Any:
        if self._trial.should_checkpoint():
            control.should_save = True
        if self._trial.should_stop() is not None:
            control.should_training_stop = True
        return control
