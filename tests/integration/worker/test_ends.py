"""How attempts end: each kind of failure is told apart from the others, with what is needed to find its cause."""

from pathlib import Path

import pytest

from tests.integration.worker.running import Running, order, written
from worker.messages import Class, Order, Outcome

_BROKEN = (
    "fail = lambda *_: exec('raise RuntimeError(\"CUDA error: uncorrectable ECC error encountered\")'); "
    "loss = type('Tensor', (), {'numel': lambda _: 1, '__float__': fail})()"
)
_FAILURES: list[tuple[str, Class, str]] = [
    ("raise ValueError('wrong shape')", "user_error", "ValueError: wrong shape"),
    ("raise MemoryError", "oom", "MemoryError"),
    ("from trainers.api import Failed; raise Failed('infeasible', 'no such net')", "nan", "infeasible: no such net"),
    ("raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 GiB')", "oom", "Tried to allocate 2.00 GiB"),
    ("raise type('OutOfMemoryError', (RuntimeError,), {})('too big')", "oom", "too big"),
    ("raise FloatingPointError('overflow')", "nan", "overflow"),
    ("trial.report(1, float('nan')); raise ValueError('no more')", "nan", "no more"),
    ("return float('nan')", "nan", "the final value of loss is NaN"),
    ("raise OSError(28, 'No space left on device')", "infra", "No space left on device"),
    ("raise RuntimeError('CUDA error: uncorrectable ECC error encountered')", "infra", "uncorrectable ECC"),
    # A GPU tells of an error at some later step: where a number is asked of it.
    (f"{_BROKEN}; trial.report(1, loss)", "infra", "RuntimeError: CUDA error: uncorrectable ECC error"),
    (f"{_BROKEN}; return loss", "infra", "RuntimeError: CUDA error: uncorrectable ECC error"),
    ("import sys; sys.exit(3)", "user_error", "sys.exit(3)"),
    ("return 'good'", "user_error", "returned a str as loss: return a number"),
    ("return 1.0, 2.0", "user_error", "returned 2 values, but there are 1: loss"),
    ("return None", "user_error", "reported nothing and returned nothing"),
    ("trial.report(2, 1.0); trial.report(2, 1.0)", "user_error", "step 2 comes after step 2, but steps must grow"),
    ("trial.report(0.5, 0.25)", "user_error", "the step must be a whole number; it is 0.5"),
    ("trial.report(1, 'low')", "user_error", "loss must be a number; it is 'low'"),
    ("trial.suggest_float('rate', 0, 1)", "user_error", "asks for 'rate', which the study's space does not give"),
    ("trial.suggest_float('lr', 1.0, 2.0)", "user_error", "lr = 0.1, but the objective asks for it within 1.0 and 2.0"),
    ("import os; os._exit(3)", "crash", "ended by itself with status 3"),
    ("import os; os.abort()", "crash", "ended by SIGABRT"),
    ("import ctypes; ctypes.string_at(0)", "crash", "ended by SIGSEGV"),
    ("import os; os.kill(os.getpid(), 9)", "crash", "SIGKILL, which this worker did not send"),
    ("import os; os.closerange(3, 64); return 1.0", "crash", "ended by itself with status 0"),
]


@pytest.mark.parametrize(("code", "kind", "message"), _FAILURES, ids=[code[:50] for code, _, _ in _FAILURES])
def test_a_failure_is_told_by_its_class(bare: Running, folder: Path, code: str, kind: Class, message: str) -> None:
    told = bare.run(written(folder, f"def train(trial):\n    {code}\n"), {"lr": 0.1})
    assert (told.ended.outcome, told.ended.failure_class) == ("failed", kind)
    assert message in told.ended.message


def test_only_a_trainer_that_says_so_is_trained_on_everything(bare: Running, folder: Path) -> None:
    source = "def train(trial):\n    trial.report(1, float(trial.steps))\n    return 1.0\n"
    told = bare.run(written(folder, source), purpose="refit", steps=7)
    assert (told.ended.outcome, told.ended.failure_class) == ("failed", "user_error")
    assert "it does not say `train.refits = True`" in told.ended.message
    told = bare.run(written(folder, f"{source}train.refits = True\n", "other.py"), purpose="refit", steps=7)
    assert (told.ended.outcome, told.points) == ("completed", [(1, {"loss": 7.0})])


@pytest.mark.parametrize(("code", "signal"), [("abort()", 6), ("kill(os.getpid(), 9)", 9), ("_exit(3)", None)])
def test_a_signal_that_others_sent_is_told(bare: Running, folder: Path, code: str, signal: int | None) -> None:
    """Another node may show whether the point is to blame or the machine."""
    told = bare.run(written(folder, f"def train(trial):\n    import os; os.{code}\n"))
    assert (told.ended.failure_class, told.ended.signal) == ("crash", signal)


def test_a_traceback_begins_in_the_trainer_and_stands_in_the_log(bare: Running, folder: Path) -> None:
    source = """
        def deeper(trial):
            raise KeyError("layers")

        def train(trial):
            print("begun")
            deeper(trial)
    """
    told = bare.run(written(folder, source))
    lines = told.ended.tail.splitlines()
    assert f'File "{folder / "training.py"}", line 7, in train' in lines[1]
    assert lines[-1] == "KeyError: 'layers'"
    assert "worker/child" not in told.ended.tail
    assert told.log == "begun\n" + told.ended.tail


def test_what_an_exception_says_is_cut_and_need_not_be_showable(bare: Running, folder: Path) -> None:
    long = bare.run(written(folder, "def train(trial):\n    raise ValueError('x' * 10_000_000)\n"))
    assert len(long.ended.message) == 2_000
    assert len(long.ended.tail) <= 12_000
    source = """
        class Odd(Exception):
            def __str__(self):
                raise RuntimeError("no")

        def train(trial):
            raise Odd
    """
    odd = bare.run(written(folder, source, "odd.py"))
    assert odd.ended.message == "Odd: (its text cannot be shown)"


@pytest.mark.parametrize(
    ("value", "values"),
    [
        ("0.5", {"loss": 0.5}),
        ("3", {"loss": 3.0}),
        ("{'loss': 0.5, 'epochs': 7}", {"loss": 0.5}),
        ("None", None),
        ("float('inf')", {"loss": float("inf")}),
    ],
)
def test_what_is_returned_is_the_final_value(
    bare: Running, folder: Path, value: str, values: dict[str, float] | None
) -> None:
    told = bare.run(written(folder, f"def train(trial):\n    trial.report(1, 0.7)\n    return {value}\n"))
    assert (told.ended.outcome, told.ended.values) == ("completed", values)
    assert told.points == [(1, {"loss": 0.7})]


def test_several_values_go_to_the_objectives_in_their_order(bare: Running, folder: Path) -> None:
    told = bare.run(written(folder, "def train(trial):\n    return 0.5, 12\n"), metrics=("loss", "latency"))
    assert told.ended.values == {"loss": 0.5, "latency": 12.0}


_NEVER_ASKS = """
    import itertools

    def train(trial):
        for step in itertools.count(1):
            trial.report(step, 1 / step)
"""
_ASKS = """
    import itertools

    def train(trial):
        for step in itertools.count(1):
            trial.report(step, 1 / step)
            if trial.should_stop():
                return 1 / step
"""
_OPTUNA = """
    import itertools

    class TrialPruned(Exception):
        pass

    def train(trial):
        for step in itertools.count(1):
            trial.report(1 / step, step)
            if trial.should_prune():
                raise TrialPruned()
"""
_SAVES = """
    import itertools

    def train(trial):
        for step in itertools.count(1):
            trial.report(step, 1 / step)
            trial.checkpoint({"step": step})
"""
_HAS_A_SAVER = """
    import itertools

    def train(trial):
        trial.on_checkpoint(lambda: {"step": step})
        for step in itertools.count(1):
            trial.report(step, 1 / step)
"""


@pytest.mark.parametrize("source", [_NEVER_ASKS, _ASKS, _OPTUNA, _SAVES, _HAS_A_SAVER])
@pytest.mark.parametrize(("which", "outcome"), [("stop", "pruned"), ("pause", "paused"), ("preempt", "preempted")])
def test_an_order_ends_a_trial(bare: Running, folder: Path, source: str, which: Order, outcome: Outcome) -> None:
    # Not after the first: a trainer that saves by itself is only known to do so once it has.
    told = bare.run(written(folder, source), act=order(which, after=3))
    assert told.ended.outcome == outcome
    assert told.ended.message == "the test says so"
    if which != "stop" and source in {_SAVES, _HAS_A_SAVER}:
        # It ended with the very step that it had saved.
        assert told.saved[-1].step == told.points[-1][0]


def test_a_checkpoint_that_is_asked_for_is_kept_and_training_goes_on(bare: Running, folder: Path) -> None:
    source = """
        import itertools

        def train(trial):
            saves = []
            trial.on_checkpoint(lambda: saves.append(step) or {"step": step})
            for step in itertools.count(1):
                trial.report(step, 1.0)
                if saves and step > saves[0] + 3:
                    return 0.5
    """
    told = bare.run(written(folder, source), act=order("checkpoint"))
    assert told.ended.outcome == "completed"
    (saved,) = told.saved
    assert told.points[-1][0] == saved.step + 4


def test_a_trial_that_prunes_itself_is_pruned(bare: Running, folder: Path) -> None:
    source = "class TrialPruned(Exception): pass\ndef train(trial):\n    raise TrialPruned('hopeless')\n"
    told = bare.run(written(folder, source))
    assert (told.ended.outcome, told.ended.message) == ("pruned", "hopeless")


def test_stop_is_not_swallowed_by_a_careless_except(bare: Running, folder: Path) -> None:
    source = """
        import itertools

        def train(trial):
            for step in itertools.count(1):
                try:
                    trial.report(step, 1.0)
                except Exception:
                    pass
    """
    assert bare.run(written(folder, source), act=order("stop")).ended.outcome == "pruned"
