"""README.md: followed to the letter, from the study in YAML to the trials in Python, it works."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.server_process import ServerProcess
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
# `curl` as it stands there takes an error of the server for an answer like any other.
STRICT = 'curl() { command curl --fail-with-body "$@"; }\n'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(f"sqlite:///{tmp_path / 'basin.db'}", tmp_path) as running:
        yield running


def test_the_first_step_is_to_start_the_server() -> None:
    assert BLOCKS[0] == ("sh", "make up\n")


def test_what_follows_works(server: ServerProcess, tmp_path: Path) -> None:
    env = os.environ | {"BASIN_SERVER": server.address, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def run(command: list[str]) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    outputs = []
    for language, block in BLOCKS[1:]:
        here = block.replace("http://127.0.0.1:8420", server.address)
        if language == "yaml":
            (tmp_path / "study.yaml").write_text(here)
        elif language == "sh":
            lines = [line for line in here.splitlines(keepends=True) if not line.startswith("source .venv")]
            outputs.append(run(["bash", "-euo", "pipefail", "-c", STRICT + "".join(lines)]))
        else:
            outputs.append(run([sys.executable, "-c", here]))
    assert "digits-mlp" in outputs[0]
    *ended, best = outputs[-1].splitlines()
    assert [line.split()[0] for line in ended] == [str(number) for number in range(10)]
    assert {line.split()[1] for line in ended} <= {"completed", "pruned"}
    assert "'values': {'val_loss':" in best


def test_every_address_it_names_answers(server: ServerProcess) -> None:
    text = (ROOT / "README.md").read_text()
    for path in set(re.findall(r"http://127\.0\.0\.1:8420(/docs)", text)):
        assert server.status(path) == 200
