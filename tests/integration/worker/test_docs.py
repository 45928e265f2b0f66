"""The examples of docs/trainers.md run as they stand there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.integration.worker.running import Running, order

PAGE = (Path(__file__).parents[3] / "docs/trainers.md").read_text()
EXAMPLES: dict[str, str] = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))

# As much of each library as the page's examples touch, behaving as its documentation says.
_LIGHTNING = """
    from types import SimpleNamespace
    from pathlib import Path
    from lightning import pytorch

    class Trainer:
        def __init__(self, *, max_epochs, callbacks, logger, enable_checkpointing, enable_progress_bar):
            self.max_epochs, self.callbacks = max_epochs, callbacks
            self.sanity_checking, self.is_global_zero, self.current_epoch = False, True, 0
            self.strategy = SimpleNamespace(broadcast=lambda value: value)

        def save_checkpoint(self, path):
            Path(path).write_text(str(self.current_epoch))

        def fit(self, model, data, ckpt_path=None):
            for self.current_epoch in range(int(Path(ckpt_path).read_text()) + 1 if ckpt_path else 0, self.max_epochs):
                self.callback_metrics = {"val_loss": model.lr / (self.current_epoch + 1)}
                for one in self.callbacks:
                    one.on_validation_end(self, model)
"""
_TRANSFORMERS = """
    from types import SimpleNamespace
    from pathlib import Path

    class TrainerCallback:
        pass

    def TrainingArguments(**given):
        return SimpleNamespace(**given)

    class Trainer:
        def __init__(self, model, arguments, *, train_dataset, eval_dataset, callbacks):
            self.arguments, self.callbacks = arguments, callbacks

        def train(self, resume_from_checkpoint=None):
            first = int((Path(resume_from_checkpoint) / "step").read_text()) if resume_from_checkpoint else 0
            control = SimpleNamespace(should_save=False, should_training_stop=False)
            for step in range(first + 1, 2000 if not resume_from_checkpoint else first + 4):
                state = SimpleNamespace(global_step=step, is_world_process_zero=True)
                metrics = {"eval_loss": self.arguments.learning_rate / step}
                for one in self.callbacks:
                    one.on_evaluate(self.arguments, state, control, metrics=metrics)
                    folder = Path(self.arguments.output_dir) / f"checkpoint-{step}"
                    folder.mkdir(parents=True)
                    (folder / "step").write_text(str(step))
                    one.on_save(self.arguments, state, control)
                if control.should_training_stop:
                    return
"""
_MODEL = """
    class Model:
        def __init__(self, lr):
            self.lr = lr

    class Data:
        pass

    model, train_set, validation_set = Data, [], []
"""


def _write(folder: Path, name: str, code: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(code))
    return path


@pytest.fixture
def page(tmp_path: Path) -> Path:
    for name, code in EXAMPLES.items():
        _write(tmp_path, name, code)
    return tmp_path


def test_the_page_has_the_examples_that_are_tried_here() -> None:
    tried = {"my_training", "resumable", "objective", "train", "with_lightning", "with_transformers", "desk"}
    assert set(EXAMPLES) == {f"{name}.py" for name in tried}


def test_a_function(bare: Running, page: Path) -> None:
    told = bare.run(f"{page / 'my_training.py'}:train", {"learning_rate": 0.1})
    assert told.ended.outcome == "completed"
    assert [step for step, _ in told.points] == list(range(1, 21))
    assert told.ended.values == told.points[-1][1]


def test_a_function_that_goes_on(loaded: Running, page: Path) -> None:
    spec = f"{page / 'resumable.py'}:train"
    whole = loaded.run(spec, {"learning_rate": 0.1})
    assert whole.ended.outcome == "completed"
    endless = page / "endless.py"
    endless.write_text(EXAMPLES["resumable.py"].replace("31", "1_000_000_000"))
    paused = loaded.run(f"{endless}:train", {"learning_rate": 0.1}, act=order("pause", after=5))
    assert paused.ended.outcome == "paused"
    assert paused.points[:30] == whole.points[: len(paused.points)]
    last = paused.saved[-1]
    goes_on = page / "goes_on.py"
    goes_on.write_text(EXAMPLES["resumable.py"].replace("31", str(max(31, last.step + 3))))
    longer = loaded.run(f"{goes_on}:train", {"learning_rate": 0.1})
    resumed = loaded.run(
        f"{goes_on}:train", {"learning_rate": 0.1}, resume_step=last.step, resume_path=last.path, attempt=2
    )
    assert paused.points + resumed.points == longer.points


def test_an_objective(bare: Running, page: Path) -> None:
    told = bare.run(f"{page / 'objective.py'}:objective", {"x": 2.0, "power": 2})
    assert told.points == [(step, {"loss": (2.0 / (step + 1)) ** 2}) for step in range(10)]
    assert told.ended.values == {"loss": (2.0 / 10) ** 2}


def test_a_program(bare: Running, page: Path) -> None:
    (line,) = re.findall(r"^basin worker .* -- (.*)$", PAGE, re.MULTILINE)
    _, _, *arguments = shlex.split(line)

    def until(step: int) -> list[str]:
        program = page / f"until_{step}.py"
        program.write_text(EXAMPLES["train.py"].replace("2000", str(step)))
        return [sys.executable, str(program), *arguments]

    # However late the order comes, it finds the program at work.
    told = bare.run(until(1_000_000_000), {"learning_rate": 1e-4}, act=order("preempt", after=3))
    assert told.ended.outcome == "preempted"
    last = told.saved[-1]
    command = until(last.step + 2_000)
    again = bare.run(command, {"learning_rate": 1e-4}, resume_step=last.step, resume_path=last.path)
    assert again.ended.outcome == "completed"
    whole = bare.run(command, {"learning_rate": 1e-4})
    assert told.points + again.points == whole.points


@pytest.mark.parametrize("name", ["with_lightning", "with_transformers"])
def test_callbacks(bare: Running, page: Path, name: str) -> None:
    _write(page, "my_model.py", _MODEL)
    _write(page, "lightning/__init__.py", _LIGHTNING)
    _write(page, "lightning/pytorch.py", "class Callback:\n    pass\n")
    _write(page, "transformers.py", _TRANSFORMERS)
    spec, params = f"{page / name}.py:train", {"learning_rate": 0.5}
    told = bare.run(spec, params, act=order("pause", after=3), horizon=2000)
    assert told.ended.outcome == "paused"
    assert [step for step, _ in told.points] == list(range(1, len(told.points) + 1))
    last = told.saved[-1]
    assert last.step == len(told.points)
    resumed = bare.run(spec, params, resume_step=last.step, resume_path=last.path, horizon=last.step + 3)
    assert resumed.ended.outcome == "completed"
    assert [step for step, _ in resumed.points] == [last.step + 1, last.step + 2, last.step + 3]


def test_at_the_desk(page: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, str(page / "desk.py")], env=environment, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert (lines[0], len(lines)) == ("step 1: value 10.24", 21)
    assert lines[-1].startswith("ended by Stop after (3, {'value': 4.19430")
