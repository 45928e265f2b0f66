"""Sampling in a real process of its own: the same suggestions, killed in the middle, and gone with its parent."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from service.domain.errors import Unavailable
from service.search.engine import OptunaEngine
from service.search.remote.engine import RemoteEngine
from service.usecases.engine import Exhausted, History
from tests.conformance.engine.cases import PRUNERS, SAMPLERS, definition
from tests.conformance.engine.drivers import MemoryDriver
from tests.conformance.engine.play import Script, play
from tests.patience import PATIENCE
from tests.unit.service.search.samples import PARAMS, SMALL, history, study, trial


def known(count: int, **fields: Any) -> History:
    trials = [trial(number, params={**PARAMS, "rate": 0.1 / (number + 1)}) for number in range(count)]
    return history(study(count, **fields), trials)


@pytest.fixture(scope="module")
def shared() -> Iterator[RemoteEngine]:
    """One process for all tests that leave it alive."""
    engine = RemoteEngine(redraws=0)
    yield engine
    engine.close()


@pytest.fixture
def remote() -> Iterator[RemoteEngine]:
    engine = RemoteEngine()
    yield engine
    engine.close()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_suggests_the_same_there(shared: RemoteEngine, sampler: str) -> None:
    case = SAMPLERS[sampler]
    script = Script(trials=min(case.trials, 12), given={3: case.space.given[0]}, failing={4: 2}, infeasible={1: 1})
    for pruner in ("median", "asha"):
        named = definition(case, PRUNERS[pruner], ("minimize",), name=f"{sampler}-{pruner}")
        here, there = MemoryDriver(named, [OptunaEngine(redraws=0)]), MemoryDriver(named, [shared])
        assert play(there, script) == play(here, script)
        assert there.notes == {}


def test_the_end_of_a_space_travels(shared: RemoteEngine) -> None:
    points = [(batch, width) for batch in (16, 32, 64) for width in ("narrow", "wide")]
    tried = [trial(number, params={"batch": b, "width": w}) for number, (b, w) in enumerate(points)]
    with pytest.raises(Exhausted):
        shared.suggest(history(study(6, space=SMALL), tried), 6)


def test_a_process_that_was_killed_is_started_again(remote: RemoteEngine) -> None:
    seen = known(20, sampler="tpe")
    expected = OptunaEngine().suggest(seen, 20)
    assert remote.suggest(seen, 20) == expected
    first = _pid(remote)
    os.kill(first, signal.SIGKILL)
    assert remote.suggest(seen, 20) == expected
    assert _pid(remote) != first


def test_killed_in_the_middle_of_a_call_it_answers_all_the_same(remote: RemoteEngine) -> None:
    seen = known(20, sampler="tpe")
    remote.suggest(seen, 20)
    first = _pid(remote)
    # A process that is stopped has the call, and does not answer it.
    os.kill(first, signal.SIGSTOP)
    answers: list[Any] = []
    calling = threading.Thread(target=lambda: answers.append(remote.suggest(seen, 21)))
    calling.start()
    os.kill(first, signal.SIGKILL)
    calling.join(PATIENCE)
    assert answers == [OptunaEngine().suggest(seen, 21)]


def test_one_that_does_not_answer_is_given_up() -> None:
    remote = RemoteEngine(patience_seconds=0.2)
    try:
        with pytest.raises(Unavailable, match="took more than"):
            # It takes longer than that to start.
            remote.suggest(known(3, sampler="random"), 3)
        assert remote.pid is None
    finally:
        remote.close()


def test_closing_ends_the_process_and_whoever_waits_for_it(remote: RemoteEngine) -> None:
    seen = known(3, sampler="random")
    remote.suggest(seen, 3)
    pid = _pid(remote)
    os.kill(pid, signal.SIGSTOP)
    refusals: list[BaseException] = []

    def call() -> None:
        try:
            remote.suggest(seen, 4)
        except Unavailable as refusal:
            refusals.append(refusal)

    calling = threading.Thread(target=call)
    calling.start()
    remote.close()
    calling.join(PATIENCE)
    assert len(refusals) == 1
    assert not _alive(pid)


def test_it_loads_neither_the_http_server_nor_the_database() -> None:
    unwanted = "{'fastapi', 'sqlalchemy', 'torch', 'psycopg'}"
    code = f"import sys, service.search.remote.__main__; print(sorted({unwanted} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


_PARENT = """
import sys
from service.search.remote.engine import RemoteEngine
from tests.integration.test_remote_engine import known
remote = RemoteEngine()
remote.suggest(known(3, sampler="random"), 3)
print(remote.pid, flush=True)
sys.stdin.read()
"""


def _kill(parent: "subprocess.Popen[str]", child: int) -> None:
    parent.kill()


def _kill_while_it_is_busy(parent: "subprocess.Popen[str]", child: int) -> None:
    """Stopped, it cannot look; it must when it goes on."""
    os.kill(child, signal.SIGSTOP)
    parent.kill()
    parent.wait(PATIENCE)
    os.kill(child, signal.SIGCONT)


@pytest.mark.parametrize("end", [_kill, _kill_while_it_is_busy])
def test_it_does_not_outlive_its_parent(end: Callable[["subprocess.Popen[str]", int], None]) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _alive(child)
        end(parent, child)
        parent.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _alive(child)


def _pid(remote: RemoteEngine) -> int:
    assert remote.pid is not None
    return remote.pid


def _alive(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    return False
