"""Programs as trainers: any command, read by what it prints, ended by SIGTERM, gone on with from its files."""

import json
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.integration.worker.running import Running, order

_PRINTS = """
    import json, sys
    rate = float(sys.argv[1])
    print("loading the data")
    for step in range(1, 4):
        print(json.dumps({"step": step, "loss": rate / step, "note": "fine", "done": False}))
    print('{"no": json')
"""


def _program(folder: Path, source: str) -> list[str]:
    path = folder / "program.py"
    path.write_text(dedent(source))
    return [sys.executable, str(path)]


def test_metrics_are_read_from_lines_of_json_and_everything_is_logged(bare: Running, folder: Path) -> None:
    told = bare.run([*_program(folder, _PRINTS), "{lr}"], {"lr": 0.6})
    assert told.ended.outcome == "completed"
    assert told.points == [(1, {"loss": 0.6}), (2, {"loss": 0.3}), (3, {"loss": 0.6 / 3})]
    assert told.log.startswith("loading the data\n")
    assert told.log.endswith('{"no": json\n')


def test_metrics_are_read_by_a_pattern(bare: Running, folder: Path) -> None:
    source = """
        for epoch in (1, 2):
            print(f"[{epoch:02}] train 0.9 val {1 / epoch:.3f} nan", flush=True)
        print("accuracy val 0.75")
    """
    told = bare.run(_program(folder, source), pattern=r"\[(?P<step>\d+)\].* val (?P<loss>\S+) (?P<extra>\S+)")
    assert [(step, metrics["loss"]) for step, metrics in told.points] == [(1, 1.0), (2, 0.5)]


def test_steps_are_counted_where_none_is_named(bare: Running, folder: Path) -> None:
    told = bare.run(_program(folder, "print('{\"loss\": 3}'); print('{\"loss\": 2}')"))
    assert told.points == [(1, {"loss": 3.0}), (2, {"loss": 2.0})]


def test_a_line_that_is_no_point_is_told_in_the_log_and_left_out(bare: Running, folder: Path) -> None:
    source = """
        print('{"step": 5, "loss": 1.0}')
        print('{"step": 4, "loss": 0.9}')
    """
    told = bare.run(_program(folder, source))
    assert told.points == [(5, {"loss": 1.0})]
    assert "this line is no point of the curve: report: step 4 comes after step 5, but steps must grow" in told.log


def test_values_are_put_in_whole_and_no_shell_reads_them(bare: Running, folder: Path) -> None:
    source = """
        import json, os, sys
        print(json.dumps(sys.argv[1:]))
        print(os.environ["BASIN_TRIAL_PARAMS"], os.environ["BASIN_TRIAL_SEED"], os.environ["BASIN_TRIAL_NUMBER"])
        print('{"loss": 1}')
    """
    params = {"lr": 1e-05, "name": "a b; $(touch x) {lr}", "flag": True, "none": None, "n": 3}
    command = [*_program(folder, source), "--lr={lr}", "{name}", "{flag}", "{none}", "{{n}}={n}", "{trial.seed}"]
    told = bare.run(command, params, seed=5, trial=9)
    first, second, _ = told.log.splitlines()
    assert json.loads(first) == ["--lr=1e-05", "a b; $(touch x) {lr}", "true", "null", "{n}=3", "5"]
    assert second == f"{json.dumps(params)} 5 9"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["python-that-is-not-there", "x"], "the command cannot be started: python-that-is-not-there: No such file"),
        ([sys.executable, "--lr={rate}"], "asks for {rate}, which there is not; there are lr, trial.checkpoints"),
        ([sys.executable, "-c", "raise SystemExit(7)"], "ended with status 7"),
    ],
)
def test_a_command_that_cannot_run_or_fails_is_the_users(bare: Running, command: list[str], message: str) -> None:
    ended = bare.run(command, {"lr": 0.1}).ended
    assert (ended.outcome, ended.failure_class) == ("failed", "user_error")
    assert message in ended.message


def test_a_program_that_a_signal_ends_has_crashed(bare: Running) -> None:
    ended = bare.run([sys.executable, "-c", "import os; os.abort()"]).ended
    assert (ended.outcome, ended.failure_class) == ("failed", "crash")
    assert ended.message.endswith("was ended by SIGABRT")
    assert ended.signal == 6


def test_a_pattern_without_a_metric_is_refused(bare: Running) -> None:
    ended = bare.run([sys.executable, "-c", "pass"], pattern=r"loss (\S+)").ended
    assert "the pattern for metrics names none: write a group such as" in ended.message
    ended = bare.run([sys.executable, "-c", "pass"], pattern=r"loss (").ended
    assert "is no regular expression" in ended.message


_GOES_ON = """
    import itertools, json, os, signal, sys
    from pathlib import Path

    folder = Path(os.environ["BASIN_TRIAL_CHECKPOINTS"])
    resume = os.environ["BASIN_TRIAL_RESUME"]
    first = int(Path(resume).read_text()) if resume else 0
    ends = []
    signal.signal(signal.SIGTERM, lambda *_: ends.append(True))

    def save(step):
        (folder / ".writing").write_text(str(step))
        (folder / ".writing").rename(folder / f"step-{step}.txt")

    for step in itertools.count(first + 1):
        print(json.dumps({"step": step, "loss": 1 / step}))
        if ends or step % 2 == 0:
            save(step)
        if ends or step == int(sys.argv[1]):
            break
"""


def test_an_order_to_end_is_sigterm_and_files_that_appear_are_checkpoints(bare: Running, folder: Path) -> None:
    first = bare.run([*_program(folder, _GOES_ON), "1000000"], act=order("preempt", after=3))
    assert first.ended.outcome == "preempted"
    last = first.saved[-1]
    assert last.step == first.points[-1][0]
    assert Path(last.path).read_text() == str(last.step)
    second = bare.run(
        [*_program(folder, _GOES_ON), str(last.step + 3)], resume_step=last.step, resume_path=last.path, attempt=2
    )
    assert second.ended.outcome == "completed"
    assert [step for step, _ in second.points] == [last.step + 1, last.step + 2, last.step + 3]


def test_a_program_that_is_stopped_is_pruned(bare: Running, folder: Path) -> None:
    told = bare.run([*_program(folder, _GOES_ON), "1000000"], act=order("stop", after=3))
    assert told.ended.outcome == "pruned"


def test_a_folder_may_be_a_checkpoint(bare: Running, folder: Path) -> None:
    source = """
        import os
        from pathlib import Path

        if resume := os.environ["BASIN_TRIAL_RESUME"]:
            print(sorted(one.name for one in Path(resume).iterdir()), flush=True)
        else:
            whole = Path(os.environ["BASIN_TRIAL_CHECKPOINTS"]) / "checkpoint-4"
            beside = whole.with_name("checkpoint-4.tmp")
            beside.mkdir()
            (beside / "weights").write_text("w")
            (beside / "optimizer").write_text("o")
            beside.rename(whole)
        print('{"step": 5, "loss": 1}')
    """
    first = bare.run(_program(folder, source))
    (saved,) = first.saved
    assert saved.step == 4
    second = bare.run(_program(folder, source), resume_step=4, resume_path=saved.path)
    assert second.log.splitlines()[0] == "['optimizer', 'weights']"
