"""How many reports a second the store acknowledges with 64 callers at once: committed together, and each by itself.

Both run in turn in one process, on SQLite with full synchronisation and on PostgreSQL with its defaults (fsync and
synchronous commit on); Optuna's storage writes the same points to databases beside them. One report in 16 holds
a stale token: it must be refused, and its neighbours in the shared commit must not notice.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks import bars, optuna_peer
from benchmarks.bars import Outcome
from service.bootstrap import settle_memory
from service.domain.errors import StaleLease
from service.store.opening import open_store
from service.store.sql import SqlStore
from service.usecases import leasing, studies, trials
from service.usecases.reporting import ReportItem, report_together
from service.wire.lease import Ask, Lease, Report
from service.wire.study import DEFINITION_EXAMPLE, StudyDefinition
from service.wire.trial import NewPoint, NewTrial
from tests.conformance.postgres import PostgresServer

CALLERS = 64
ROUNDS = 5
TTL = 60.0
_PARAMS: dict[str, bool | int | float | str | None] = {
    "learning_rate": 0.001,
    "dropout": 0.2,
    "batch_size": 32,
    "optimizer": "adamw",
}


@dataclass
class Round:
    """What one round of reports saw."""

    rate: float = 0.0
    cpu_us: float = 0.0
    waits: list[float] = field(default_factory=list)
    acknowledged: int = 0
    refused: int = 0
    harmed: int = 0


def run(arguments: argparse.Namespace) -> Outcome:
    """Measure both databases."""
    seconds = 0.5 if arguments.quick else 3.0
    settle_memory()  # as the server does before it serves
    outcome = Outcome(f"acknowledged reports, {CALLERS} callers at once")
    with tempfile.TemporaryDirectory(prefix="basin-bench-", dir=arguments.folder) as folder:
        _measure(
            outcome, "sqlite", f"sqlite:///{folder}/basin.db", f"sqlite:///{folder}/optuna.db", seconds, (10_000, 8)
        )
    with _postgres() as server:
        peer = server.url("optuna").replace("postgresql://", "postgresql+psycopg://")
        _measure(outcome, "postgresql", server.url("basin"), peer, seconds, (8_000, 4))
    return outcome


def _measure(outcome: Outcome, name: str, url: str, peer_url: str, seconds: float, least: tuple[float, float]) -> None:
    grouped, single, peer = [], [], []
    for turn in range(ROUNDS + 1):
        rounds = [asyncio.run(_reports(url, together=together, seconds=seconds)) for together in (True, False)]
        rate = optuna_peer.reports_a_second(peer_url, seconds=seconds / 2)
        if turn:  # the first turn warms caches up
            grouped.append(rounds[0])
            single.append(rounds[1])
            peer.append(rate)
    together = outcome.figure(f"{name}: group commit", "reports/s", [one.rate for one in grouped])
    alone = outcome.figure(f"{name}: one commit a report", "reports/s", [one.rate for one in single])
    outcome.figure(f"{name}: Optuna RDBStorage, 1 caller", "reports/s", peer)
    outcome.figure(f"{name}: group commit, CPU", "us/report", [one.cpu_us for one in grouped])
    outcome.figure(f"{name}: wait p50", "ms", [bars.percentile(one.waits, 50) * 1e3 for one in grouped])
    late = outcome.figure(f"{name}: wait p99", "ms", [bars.percentile(one.waits, 99) * 1e3 for one in grouped])
    outcome.figure(f"{name}: stale reports refused", "reports", [one.refused for one in grouped])
    outcome.bar(f"{name}: group commit", together.median, at_least=least[0], unit="reports/s")
    outcome.bar(f"{name}: against one commit a report", together.median / alone.median, at_least=least[1], unit="x")
    outcome.bar(f"{name}: wait p99", late.median, at_most=25, unit="ms")
    outcome.bar(f"{name}: neighbours harmed by a refusal", sum(one.harmed for one in grouped), at_most=0)


async def _reports(url: str, *, together: bool, seconds: float) -> Round:
    """Let 64 callers report as fast as they are acknowledged, for some seconds."""
    store = open_store(url, group_commit=together)
    try:
        leases = await _leases(store)
        await asyncio.gather(*[_caller(store, lease, time.perf_counter() + 0.2, Round(), 1) for lease in leases])
        leases, seen = await _leases(store), Round()
        cpu, begin = time.process_time(), time.perf_counter()
        await asyncio.gather(*[_caller(store, lease, begin + seconds, seen, 16) for lease in leases])
        seen.rate = seen.acknowledged / (time.perf_counter() - begin)
        seen.cpu_us = (time.process_time() - cpu) / max(1, seen.acknowledged) * 1e6
        return seen
    finally:
        store.close()


async def _leases(store: SqlStore) -> list[Lease]:
    definition = StudyDefinition.model_validate({**DEFINITION_EXAMPLE, "name": f"bench-{time.time_ns()}", "budget": {}})
    await store.write(lambda tx: studies.create(tx, definition, seed=1))
    new = NewTrial(params=_PARAMS)
    await asyncio.gather(*[store.write(lambda tx: trials.add(tx, definition.name, new)) for _ in range(CALLERS)])
    ask = Ask(worker="bench", max_trials=CALLERS)
    return list(await store.write(lambda tx: leasing.ask(tx, definition.name, ask, ttl_seconds=TTL)))


async def _caller(store: SqlStore, lease: Lease, until: float, seen: Round, stale_every: int) -> None:
    """Report point after point; now and then one with a stale token, as a zombie would."""
    seq = 0
    while (begin := time.perf_counter()) < until:
        seq += 1
        point = NewPoint(step=seq, metrics={"val_loss": 1.0 / seq})
        stale = stale_every > 1 and (seq + lease.trial) % stale_every == 0
        if stale:
            try:
                await store.write_together(report_together, _item(lease, lease.token + 1, seq, point))
                seen.harmed += 1
            except StaleLease:
                seen.refused += 1
            begin = time.perf_counter()
        try:
            taken = await store.write_together(report_together, _item(lease, lease.token, seq, point))
        except Exception:
            seen.harmed += 1
            raise
        seen.acknowledged += taken.answer.acked_seq == seq
        seen.waits.append(time.perf_counter() - begin)


def _item(lease: Lease, token: int, seq: int, point: NewPoint) -> ReportItem:
    return ReportItem(lease.study, lease.trial, lease.attempt, Report(token=token, first_seq=seq, points=(point,)), TTL)


@contextmanager
def _postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        server.start()
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE basin")
            connection.execute("CREATE DATABASE optuna")
        yield server


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", type=Path, help="where the databases are put: the disk that is measured (default: /tmp)"
    )


if __name__ == "__main__":
    bars.main(run, options=_options)
