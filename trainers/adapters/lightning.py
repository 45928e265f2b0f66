"""A Lightning callback: reports after each validation, keeps checkpoints, ends when the trial is to end.

`Trainer(callbacks=[callback(trial)])`, and `trainer.fit(model, ckpt_path=resume_path(trial))` to go on.
"""

import importlib
from typing import Any

from trainers.api import Stop, Trial


def resume_path(trial: Trial) -> str | None:
    """What to give as `ckpt_path` to `Trainer.fit`."""
    return None if trial.resume is None else str(trial.resume.path)


def callback(trial: Trial, *, every: int = 1) -> Any:
    """The callback. Every so many validations it keeps a checkpoint by itself; 0: only when one is wanted."""
    return type("BasinCallback", (Hooks, _base()), {})(trial, every)


class Hooks:
    """What the callback does; Lightning calls it with its trainer and the module."""

    def __init__(self, trial: Trial, every: int) -> None:
        super().__init__()
        self._trial = trial
        self._every = every
        self._validations = 0

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Report what was logged; rank 0 talks, and all end together."""
        if trainer.sanity_checking:
            return
        trial, epoch, end, save = self._trial, int(trainer.current_epoch) + 1, None, False
        self._validations += 1
        if trainer.is_global_zero:
            # Asked before the first report, so that all ranks end here, and none by an exception out of `report`.
            trial.should_stop()
            metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
            if metrics and (trial.resume is None or epoch > trial.resume.step):
                trial.report(epoch, metrics)
            due = self._every > 0 and self._validations % self._every == 0
            end, save = trial.should_stop(), due or trial.should_checkpoint()
        end, save = trainer.strategy.broadcast((end, save))
        if save:
            path = trial.folder / f"lightning-{epoch}.ckpt"
            trainer.save_checkpoint(str(path))
            if trainer.is_global_zero:
                trial.checkpoint(path)
                path.unlink()
        if end is not None:
            raise Stop(end, trial.orders.reason)


def _base() -> type:
    for name in ("lightning.pytorch", "pytorch_lightning"):
        try:
            found: type = importlib.import_module(name).Callback
        except ModuleNotFoundError:
            continue
        return found
    raise ModuleNotFoundError("this callback needs Lightning: pip install lightning")
