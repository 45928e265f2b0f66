"""Whole trials a second: ask, ten reports with their verdicts, complete; beside Optuna's storage proxy over gRPC.

Both sides work on the same PostgreSQL server, in studies that have 1,000 finished trials when they begin, with TPE and
successive halving (`--plain`: with random points and the median rule, where storing is most of what there is to do).
What a verdict says is not followed, so that all trials are equally long. Basin samples and judges in its server;
Optuna's clients do so themselves. The CPU of servers (with Basin's sampling process, and with PostgreSQL's own
processes) and of clients is told apart. Each client's first cycle is not counted; a round ends when its last trial has.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import uvloop

from benchmarks import bars, prefill, processes, proxy_peer
from benchmarks.bars import Outcome
from benchmarks.proxy_peer import STEPS, Kind
from benchmarks.talk import Talk
from service.store.opening import open_store
from tests.acceptance.server_process import ServerProcess
from tests.conformance.postgres import PostgresServer

CLIENTS = (1, 16, 64)
PAST = 1_000


@dataclass(frozen=True, slots=True)
class Round:
    """What one side did in a round."""

    cycles: int
    seconds: float
    server_cpu: float
    postgres_cpu: float
    client_cpu: float

    @property
    def rate(self) -> float:
        """Cycles a second."""
        return self.cycles / self.seconds

    @property
    def server_ms(self) -> float:
        """The CPU of server and database for a cycle."""
        return (self.server_cpu + self.postgres_cpu) / max(1, self.cycles) * 1e3

    @property
    def all_ms(self) -> float:
        """The CPU of everybody for a cycle."""
        return self.server_ms + self.client_cpu / max(1, self.cycles) * 1e3


def run(arguments: argparse.Namespace) -> Outcome:
    """Measure both sides in turn."""
    seconds = 3.0 if arguments.quick else arguments.seconds
    kind: Kind = "plain" if arguments.plain else "search"
    outcome = Outcome(f"ask, {STEPS} reports with verdicts, complete: {PAST:,} trials before, PostgreSQL")
    with tempfile.TemporaryDirectory(prefix="basin-bench-") as folder, _postgres() as server:
        url, peer_url = server.url("basin"), server.url("optuna").replace("postgresql://", "postgresql+psycopg://")
        postmaster = _postmaster(server.url())
        _fill(url, kind)
        proxy_peer.fill(peer_url, PAST)
        with (
            ServerProcess(url, Path(folder), log_level="warning") as basin,
            proxy_peer.proxy(peer_url) as (proxy, port),
        ):
            # A round of Optuna's with 64 clients takes minutes: each has to end its trial.
            for clients in CLIENTS[:-1] if arguments.quick else CLIENTS:
                ours = _ours(basin, postmaster, clients, seconds)
                theirs = _theirs(proxy.pid, port, postmaster, kind, clients, seconds)
                _tell(outcome, clients, ours, theirs)
    return outcome


def _tell(outcome: Outcome, clients: int, ours: Round, theirs: Round) -> None:
    for side, one in (("Basin", ours), ("Optuna", theirs)):
        name = f"{clients} clients, {side}"
        outcome.figure(f"{name}: cycles", "1/s", [one.rate])
        outcome.figure(f"{name}: server and database", "ms CPU/cycle", [one.server_ms])
        outcome.figure(f"{name}: database alone", "ms CPU/cycle", [one.postgres_cpu / max(1, one.cycles) * 1e3])
        outcome.figure(f"{name}: with the clients", "ms CPU/cycle", [one.all_ms])
        print(f"{name}: {one.rate:.3g} cycles/s, {one.server_ms:.4g} ms of servers, {one.all_ms:.4g} ms", flush=True)
    if clients > 1:
        outcome.bar(f"{clients} clients: cycles against Optuna's", ours.rate / theirs.rate, at_least=20, unit="x")
        # Optuna's clients do what our server does for them, so theirs is counted, and ours, too.
        saved = theirs.all_ms / ours.all_ms
        outcome.bar(
            f"{clients} clients: CPU of servers and clients, Optuna's against ours", saved, at_least=20, unit="x"
        )


def _ours(server: ServerProcess, postmaster: int, clients: int, seconds: float) -> Round:
    # As on the other side: each client's first cycle is not counted, nor what a server loads for its first study.
    uvloop.run(_work(server.port, f"basin-{clients}", clients, 0.0))
    processes.settle(server.pid)
    before = processes.cpu_seconds(server.pid), processes.cpu_seconds(postmaster), time.process_time()
    done, took = uvloop.run(_work(server.port, f"basin-{clients}", clients, seconds))
    after = processes.cpu_seconds(server.pid), processes.cpu_seconds(postmaster), time.process_time()
    return Round(done, took, *(late - early for late, early in zip(after, before, strict=True)))


def _theirs(proxy: int, port: int, postmaster: int, kind: Kind, clients: int, seconds: float) -> Round:
    used = partial(map, processes.cpu_seconds, (proxy, postmaster))
    before: list[float] = []
    done, took, client_cpu = proxy_peer.cycles(port, kind, clients, seconds, lambda: before.extend(used()))
    server_cpu, postgres_cpu = (late - early for late, early in zip(used(), before, strict=True))
    return Round(done, took, server_cpu, postgres_cpu, client_cpu)


async def _work(port: int, study: str, clients: int, seconds: float) -> tuple[int, float]:
    done = [0] * clients
    talks = [await Talk.to(port) for _ in range(clients)]
    begin = time.perf_counter()

    async def client(place: int) -> None:
        while not done[place] or time.perf_counter() < begin + seconds:
            await _cycle(talks[place], f"/v1/studies/{study}")
            done[place] += 1

    await asyncio.gather(*map(client, range(clients)))
    took = time.perf_counter() - begin
    for talk in talks:
        talk.close()
    return sum(done), took


async def _cycle(talk: Talk, path: str) -> None:
    leases: list[dict[str, object]] = []
    while not leases:
        leases = (await talk.post(f"{path}:ask", {"worker": "bench", "wait_seconds": 30}))["leases"]
    lease = leases[0]
    attempt, token, params = (
        f"{path}/trials/{lease['trial']}/attempts/{lease['attempt']}",
        lease["token"],
        lease["params"],
    )
    assert isinstance(params, dict)
    result = prefill.loss(params)
    for step in range(1, STEPS + 1):
        points = [{"step": step, "metrics": {"loss": result + 1 / step}}]
        await talk.post(f"{attempt}:report", {"token": token, "first_seq": step, "points": points})
    await talk.post(f"{attempt}:complete", {"token": token, "outcome": "completed", "values": {"loss": result}})


def _fill(url: str, kind: Kind) -> None:
    halving: dict[str, object] = {"sampler": "tpe", "scheduler": {"type": "asha", "mode": "stop"}}
    plain: dict[str, object] = {"sampler": "random", "scheduler": "median"}
    fields = plain if kind == "plain" else halving
    store = open_store(url)
    try:
        prefill.filled(store, *((prefill.definition(f"basin-{clients}", **fields), PAST, STEPS) for clients in CLIENTS))
    finally:
        store.close()


def _postmaster(url: str) -> int:
    """The process whose children all of PostgreSQL's are."""
    with psycopg.connect(url) as connection:
        stat = Path(f"/proc/{connection.info.backend_pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


@contextmanager
def _postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        server.start()
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE basin")
            connection.execute("CREATE DATABASE optuna")
        yield server


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each round begins new trials")
    parser.add_argument("--plain", action="store_true", help="random points and the median rule: no search to speak of")


if __name__ == "__main__":
    bars.main(run, options=_options)
