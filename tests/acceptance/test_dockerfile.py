"""The Dockerfile: its own steps, run one by one in a clean system, give a server that answers.

No Docker is needed: a stage is a bare Debian in a folder, and RUN is chroot. The stages of the workers are only read.
"""

import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

from tests.acceptance import clean_root
from tests.acceptance.dockerfile import Stage, in_context, parse
from tests.acceptance.image import Builder, Image, environment_for_builds
from tests.acceptance.server_process import free_port

ROOT = Path(__file__).parents[2]
STAGES = parse((ROOT / "Dockerfile").read_text())
IMAGES = ("server", "worker-cpu", "worker-gpu")
WHEELS = Path("/wheels")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image of the server, built in a folder."""
    if reason := clean_root.missing():
        if os.environ.get("CI"):
            pytest.fail(f"{reason}, which in CI has to be mended")
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("images")
    wheels = clean_root.wheels(ROOT)

    def clean(root: Path) -> None:
        clean_root.make(root)
        shutil.copytree(wheels, root / WHEELS.relative_to("/"))

    builder = Builder(STAGES, ROOT, in_context(ROOT), folder, clean, environment_for_builds(WHEELS))
    try:
        yield builder.build("server")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def running(server: Image) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The server's own CMD, at work in its image on a free port."""
    port = free_port()
    env = {**server.env, "HOME": "/var/lib/basin", "BASIN_HOST": "127.0.0.1", "BASIN_PORT": str(port)}
    log = server.root / "tmp/server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            server.command(STAGES["server"].command("CMD")), env=env, stdout=output, stderr=output, text=True
        )
    try:
        wait_until_healthy(process, port, log)
        yield process, port
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_healthy(process: subprocess.Popen[str], port: int, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                assert answer.status == 200
                return
        except (URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the server did not answer (exit status {process.poll()}):\n{log.read_text()[-4000:]}")


@pytest.mark.timeout(900)  # the first test on a machine makes the clean system
def test_it_answers_and_is_not_root(running: tuple[subprocess.Popen[str], int], server: Image) -> None:
    process, _ = running
    status = Path(f"/proc/{process.pid}/status").read_text()
    (uid,) = (line.split()[1] for line in status.splitlines() if line.startswith("Uid:"))
    assert uid == "1000"
    assert (server.root / "var/lib/basin/basin.db").stat().st_uid == 1000


@pytest.mark.timeout(900)
def test_its_own_check_of_health_tells_up_from_down(running: tuple[subprocess.Popen[str], int], server: Image) -> None:
    check = STAGES["server"].command("HEALTHCHECK")
    assert server.run(check, BASIN_PORT=str(running[1])).returncode == 0
    assert server.run(check, BASIN_PORT="1").returncode != 0


@pytest.mark.timeout(900)
def test_it_holds_what_a_server_needs_and_no_more(server: Image) -> None:
    assert server.run(["basin", "version"]).returncode == 0
    for absent in ("torch", "pytest"):
        assert server.run(["python3", "-c", f"import {absent}"]).returncode == 1
    assert not (server.root / "src").exists()


@pytest.mark.timeout(900)
def test_it_does_not_serve_a_network_unless_told_that_it_may(server: Image) -> None:
    done = server.run(STAGES["server"].command("CMD"))
    assert done.returncode != 0
    assert "trust_network" in (done.stdout + done.stderr).lower().replace("-", "_")


def chain(name: str) -> list[Stage]:
    """The stage and those below it, the lowest first."""
    stage = STAGES[name]
    return [*(chain(stage.base) if stage.base in STAGES else []), stage]


@pytest.mark.parametrize("name", IMAGES)
def test_every_image_runs_as_an_own_user(name: str) -> None:
    users = [one.rest for stage in chain(name) for one in stage.instructions if one.name == "USER"]
    assert users[-1:] == ["basin"]


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_every_copy_has_a_source(stage: Stage) -> None:
    for one in stage.instructions:
        if one.name == "COPY" and one.rest.startswith("--from="):
            assert one.rest.removeprefix("--from=").split()[0] in STAGES
        elif one.name == "COPY":
            for source in one.rest.split()[:-1]:
                assert (ROOT / source).exists()
                assert source in in_context(ROOT)


@pytest.mark.parametrize("name", ["build-worker-cpu", "build-worker-gpu"])
def test_workers_get_the_torch_that_is_tested(name: str) -> None:
    pinned = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch==")]
    runs = [one.rest for one in STAGES[name].instructions if one.name == "RUN"]
    assert runs[0].split()[-1:] == pinned
