"""`basin up` as a new user has it: a server, a worker and a study that trains, and nothing left of it after Ctrl-C."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import psutil

from service.cli.demo import NAME, STUDY
from tests.acceptance.server_process import free_port
from tests.acceptance.test_cli import environment
from tests.patience import PATIENCE


class Up:
    """`basin up`, and what it has started."""

    def __init__(self, folder: Path, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.log = folder / "up.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service.cli", "up", "--port", str(port)],
                env=environment(),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def until(self, true: Callable[[dict[str, int]], bool]) -> dict[str, int]:
        """Wait until something is true of how many trials are in which state."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.study()
            if found is not None and true(found["trials"]):
                return dict(found["trials"])
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def study(self) -> Any:
        """The demo's study, if it is there."""
        try:
            answer = httpx2.get(f"{self.address}/v1/studies/{NAME}", timeout=PATIENCE)
        except httpx2.TransportError:
            return None
        return answer.json() if answer.is_success else None

    def stop(self) -> list[psutil.Process]:
        """Ctrl-C; answers what is still there of all that was started."""
        started = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        _, alive = psutil.wait_procs(started, timeout=5)
        return alive


def ended(trials: dict[str, int], least: int) -> bool:
    return trials["completed"] + trials["pruned"] >= least


def test_it_trains_stops_and_goes_on(tmp_path: Path) -> None:
    port = free_port()
    for _ in range(2):
        up = Up(tmp_path, port)
        try:
            trials = up.until(partial(ended, least=2))
            assert trials["running"] + trials["queued"] > 0, "there is something to go on with"
        finally:
            left = up.stop()
        assert left == []
        assert up.process.returncode in {0, 130, -signal.SIGINT}
    said = up.log.read_text()
    assert said.count(f"study {NAME} searches {STUDY['budget']['max_trials']} trials") == 1, "made once"
    assert "Traceback" not in said
