"""Optuna's own server: its storage over gRPC in front of PostgreSQL, and clients that sample and judge by themselves.

`python -m benchmarks.proxy_peer serve URL PORT`, `... work PORT KIND THREADS SECONDS SEED`.
"""

import json
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import optuna
from optuna.pruners import BasePruner, MedianPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import GrpcStorageProxy, RDBStorage, get_storage, run_grpc_proxy_server

from benchmarks import prefill
from tests.acceptance.server_process import free_port

Kind = Literal["search", "plain"]
"""TPE and successive halving, or random points and the median rule: where storing is all there is to do."""
STUDY = "peer"
STEPS = 10
_PATIENCE = 60.0


def fill(url: str, count: int) -> None:
    """Make the study, with so many finished trials."""
    _hush()
    storage = RDBStorage(url)
    study = optuna.create_study(study_name=STUDY, storage=storage)
    study.add_trials(prefill.peers(count, STEPS))
    storage.engine.dispose()


@contextmanager
def proxy(url: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """The server, in a process of its own, and its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-m", "benchmarks.proxy_peer", "serve", url, str(port)])
    try:
        _storage(port)
        yield process, port
    finally:
        process.kill()
        process.wait()


def cycles(port: int, kind: Kind, clients: int, seconds: float, begins: Callable[[], None]) -> tuple[int, float, float]:
    """Let clients work, in up to four processes: how many cycles they did, in what time, and what they cost in CPU.

    `begins` is called when all are ready: each client's first cycle, in which it loads the study, is not counted.
    """
    shares = [clients // 4 + (place < clients % 4) for place in range(min(4, clients))]
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.proxy_peer", "work", str(port), kind]
    working = [
        subprocess.Popen(
            [*command, str(share), str(seconds), str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for place, share in enumerate(shares)
    ]
    try:
        for process in working:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        begins()
        begin = time.perf_counter()
        told = [json.loads(process.communicate("go\n")[0]) for process in _all_told(working)]
        return sum(one["cycles"] for one in told), time.perf_counter() - begin, sum(one["cpu"] for one in told)
    finally:
        for process in working:
            process.kill()
            process.wait()


def _all_told(working: "list[subprocess.Popen[str]]") -> "list[subprocess.Popen[str]]":
    for process in working:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return working


def work(port: int, kind: Kind, threads: int, seconds: float, seed: int) -> None:
    """What one process of clients does. Each thread is one client, with a storage and a sampler of its own."""
    done = [0] * threads
    go, ready = threading.Event(), threading.Barrier(threads + 1)

    def client(place: int) -> None:
        study = optuna.load_study(
            study_name=STUDY,
            storage=_storage(port),
            sampler=_sampler(kind, seed * 1000 + place),
            pruner=_pruner(kind),
        )
        _cycle(study)
        ready.wait()
        go.wait()
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            _cycle(study)
            done[place] += 1

    running = [threading.Thread(target=client, args=(place,)) for place in range(threads)]
    for thread in running:
        thread.start()
    ready.wait()
    print("ready", flush=True)
    sys.stdin.readline()
    cpu = time.process_time()
    go.set()
    for thread in running:
        thread.join()
    print(json.dumps({"cycles": sum(done), "cpu": time.process_time() - cpu}), flush=True)


def _sampler(kind: Kind, seed: int) -> BaseSampler:
    if kind == "plain":
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, multivariate=True, constant_liar=True)


def _pruner(kind: Kind) -> BasePruner:
    return MedianPruner() if kind == "plain" else SuccessiveHalvingPruner()


def _cycle(study: optuna.Study) -> None:
    trial = study.ask(prefill.DISTRIBUTIONS)
    result = prefill.loss(trial.params)
    for step in range(1, STEPS + 1):
        trial.report(result + 1 / step, step)
        trial.should_prune()
    study.tell(trial, result)


def _storage(port: int) -> GrpcStorageProxy:
    storage = GrpcStorageProxy(host="127.0.0.1", port=port)
    storage.wait_server_ready(_PATIENCE)
    return storage


def _serve(url: str, port: int) -> None:
    # Optuna asks for `get_storage`: by itself RDBStorage reads a whole study from the database again and again.
    run_grpc_proxy_server(get_storage(url), host="127.0.0.1", port=port)


def _hush() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    _hush()
    if sys.argv[1] == "serve":
        _serve(sys.argv[2], int(sys.argv[3]))
    else:
        kind: Kind = "plain" if sys.argv[3] == "plain" else "search"
        work(int(sys.argv[2]), kind, int(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6]))
