"""The built-in recipe in real processes: killed and gone on with, its curve is the same to the last bit."""

import asyncio
import os
import signal
from pathlib import Path

from tests.integration.worker.running import Running, order
from tests.patience import PATIENCE
from trainers import state
from worker.messages import Command, Message, Reported, Saved
from worker.process import Process

_PARAMS = {
    "epochs": 12,
    "learning_rate": 0.01,
    "dropout": 0.3,
    "lambda": 1e-5,
    "weight_decay": 1e-3,
    "batch_size": 32,
    "layers": 2,
}


def test_a_killed_trial_goes_on_to_the_same_curve(loaded: Running) -> None:
    whole = loaded.run("digits-mlp", _PARAMS, metric="val_loss")
    assert whole.ended.outcome == "completed"
    assert [step for step, _ in whole.points] == list(range(1, 13))
    assert whole.points[-1][1]["val_accuracy"] > 0.9

    kept: list[Saved] = []

    async def save_and_kill(process: Process, message: Message) -> None:
        if isinstance(message, Reported) and message.seq == 2:
            await process.send(Command(order="checkpoint"))
        if isinstance(message, Saved):
            kept.append(message)
            os.kill(process.pid, signal.SIGKILL)

    killed = loaded.run("digits-mlp", {**_PARAMS, "epochs": 100_000}, metric="val_loss", act=save_and_kill)
    assert killed.ended.failure_class == "crash"
    (saved,) = kept
    assert Path(saved.path).stat().st_size == saved.size
    goal = {**_PARAMS, "epochs": max(12, saved.step + 3)}
    longer = loaded.run("digits-mlp", goal, metric="val_loss")
    assert longer.points[:12] == whole.points
    assert killed.points == longer.points[: len(killed.points)]
    resumed = loaded.run(
        "digits-mlp", goal, metric="val_loss", attempt=2, resume_step=saved.step, resume_path=saved.path
    )
    assert resumed.points == longer.points[saved.step :]
    assert resumed.ended.values == longer.ended.values


def test_a_paused_trial_ends_with_the_step_it_saved(loaded: Running) -> None:
    told = loaded.run("digits-mlp", {**_PARAMS, "epochs": 100_000}, metric="val_loss", act=order("pause"))
    assert told.ended.outcome == "paused"
    assert told.saved[-1].step == told.points[-1][0]
    assert state.read(Path(told.saved[-1].path))["epoch"] == told.saved[-1].step


def test_what_the_recipe_does_not_know_is_told(loaded: Running) -> None:
    told = loaded.run("digits-mlp", {"epochs": 1, "width": 3}, metric="val_loss")
    assert told.log == "this trainer has no use for: width\n"
    odd = loaded.run("digits-mlp", {"optimizer": "best"}, metric="val_loss")
    assert odd.ended.message.startswith("BadParameter: optimizer must be one of")
    assert odd.ended.failure_class == "user_error"
    clash = loaded.run("digits-mlp", {"schedule": "one_cycle", "warm_up": 0.1}, metric="val_loss")
    assert clash.ended.message == "infeasible: one_cycle warms up by itself: set warm_up to 0"
    assert clash.ended.failure_class == "nan"


def test_many_trials_at_once(loaded: Running) -> None:
    async def several() -> list[list[Message]]:
        async def one(number: int) -> list[Message]:
            process = await loaded.start("digits-mlp", {"epochs": 2}, metric="val_loss", trial=number, seed=number)
            return [message async for message in process.messages()]

        return await asyncio.wait_for(asyncio.gather(*map(one, range(6))), PATIENCE)

    curves = [[one.metrics for one in many if isinstance(one, Reported)] for many in loaded.do(several())]
    assert [len(curve) for curve in curves] == [2] * 6
    assert len({str(curve) for curve in curves}) == 6
