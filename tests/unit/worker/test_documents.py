"""docs/worker.md and the files in deploy/ say what the command line knows, and nothing that it does not."""

import re
import shlex
from pathlib import Path

import yaml

from worker import config, options
from worker.options import Options

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/worker.md").read_text()
MANIFESTS = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/worker.yaml").read_text()))
SLURM = (ROOT / "deploy/slurm/worker.sbatch").read_text()


def read(*arguments: str) -> Options:
    found = options.read(arguments)
    assert isinstance(found, Options)
    return found


def test_every_option_is_told_and_no_other() -> None:
    told = set(re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE))
    known = {f"--{name.replace('_', '-')}" for name in Options.__dataclass_fields__} - {"--command"}
    assert told == known


def test_defaults_are_told() -> None:
    usual = read("--trainer", "x")
    for value in (usual.grace, usual.checkpoint_every, str(usual.workdir)):
        assert f"`{value}`" in PAGE


def test_examples_can_be_read() -> None:
    lines = re.findall(r"^\$ basin worker (.*)$", PAGE, re.MULTILINE)
    assert len(lines) >= 4
    for line in lines:
        read(*shlex.split(line))


def test_kubernetes_gives_the_worker_the_time_it_takes() -> None:
    (pods,) = [one["spec"]["template"]["spec"] for one in MANIFESTS if one["kind"] == "StatefulSet"]
    (container,) = pods["containers"]
    given = read(*container["args"])
    grace = config.seconds(given.grace, "--grace")
    assert grace is not None
    assert grace < pods["terminationGracePeriodSeconds"]
    mounts = {one["mountPath"] for one in container["volumeMounts"]}
    assert str(given.token_file).startswith(tuple(mounts - {"/dev/shm"}))
    assert str(given.workdir).startswith("/var/lib/basin")


def test_slurm_s_script_uses_options_that_there_are() -> None:
    command = re.search(r"^basin worker (.*?) &$", SLURM, re.MULTILINE | re.DOTALL)
    assert command
    given = read(*shlex.split(command[1].replace("\\\n", " ")))
    assert config.seconds(given.grace, "--grace") == 25
    assert "--signal=B:USR1@" in SLURM
