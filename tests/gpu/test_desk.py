"""`basin trainer train` finds the GPU by itself."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.acceptance.worker_process import ROOT
from tests.gpu.driver import computing

_PATIENCE = 120.0


def test_training_at_the_desk_takes_the_gpu_by_itself(tmp_path: Path) -> None:
    given = ["trainer", "train", "digits-cnn", "--set", "precision=bf16", "--epochs", "6"]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", *given],
            env={**os.environ, "PYTHONPATH": path},
            cwd=tmp_path,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    computed, deadline = False, time.monotonic() + _PATIENCE
    try:
        while process.poll() is None and time.monotonic() < deadline:
            computed = computed or bool(computing([process.pid]))
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    told = (tmp_path / "said").read_text()
    assert process.returncode == 0, told
    assert computed, "it has trained on the CPU"
    last = told.splitlines()[-1].split()
    assert float(last[last.index("val_accuracy") + 1]) > 0.9, told
