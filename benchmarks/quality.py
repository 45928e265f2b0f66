"""How much training a search needs: Basin's `auto` against Optuna's default and its successive halving.

`python -m benchmarks.quality [--tables FOLDER] [--seeds 30] [--workers 16] [--whole] [--stops] [--strict] [--quick]`

The tables hold learning curves that were really trained (`benchmarks/curves`; any `*.npz` with `u`, `val` and `n` will
do, and `python -m benchmarks.racing.more_tables FOLDER` trains twelve). All play by the same rules in virtual time: a
suggestion is mapped to the nearest configuration that is unused, a value is seen when its cost has passed, going on
with a paused trial costs 0.3 units. What is counted is the training spent, in epochs of average cost, until the best
value seen is one that only the best percent of all reach. There a race ends; with `--whole` it goes on until the budget
is spent, for what comes behind that.
"""

import argparse
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from optuna.pruners import MedianPruner, SuccessiveHalvingPruner
from optuna.samplers import TPESampler

from benchmarks.bars import Outcome, main
from benchmarks.racing.basin import Basin
from benchmarks.racing.optuna_player import Optuna
from benchmarks.racing.race import Player, Race, Track
from benchmarks.racing.table import load

CURVES = Path(__file__).parent / "curves"
MARKS = (5.0, 1.0, 0.3)
MARK = 1.0
BUDGET = 3000.0
_NEVER = 1e9

AUTO, STOPS, MEDIAN, HALVING = "Basin auto", "Basin auto, stops only", "Optuna TPE + median", "Optuna TPE + halving"
PLAYERS: Mapping[str, Callable[[int, int], Player]] = {
    AUTO: lambda width, seed: Basin(width, seed),
    STOPS: lambda width, seed: Basin(width, seed, resumes=False),
    MEDIAN: lambda width, seed: Optuna(width, TPESampler(seed=seed), MedianPruner),
    HALVING: lambda width, seed: Optuna(width, TPESampler(seed=seed), SuccessiveHalvingPruner),
}


@dataclass(frozen=True, slots=True)
class Heat:
    """One race of one player on one table."""

    table: Path
    player: str
    seed: int
    workers: int
    whole: bool


def race(heat: Heat) -> tuple[Heat, Race, float]:
    """Run a race; its seconds of processor time come with it."""
    warnings.simplefilter("ignore")
    begin = time.process_time()
    table = load(heat.table)
    player = PLAYERS[heat.player](table.places.shape[1], heat.seed)
    enough = None if heat.whole else MARK
    track = Track(table, player, workers=heat.workers, budget=BUDGET, marks=MARKS, enough=enough)
    return heat, track.run(), time.process_time() - begin


def run(arguments: argparse.Namespace) -> Outcome:
    """All races, and what they say."""
    tables = sorted(arguments.tables.glob("*.npz"))
    if not tables:
        raise SystemExit(f"there are no tables (*.npz) in {arguments.tables}: name a folder that has some by --tables")
    seeds = 4 if arguments.quick else arguments.seeds
    players = [player for player in PLAYERS if player != STOPS or arguments.stops]
    heats = [
        Heat(table, player, seed, arguments.workers, arguments.whole)
        for seed in range(seeds)
        for table in tables
        for player in players
    ]
    outcome = Outcome(f"training until the best {MARK:g} % is reached; {arguments.workers} workers, {seeds} seeds")
    results: dict[tuple[str, str], list[tuple[Race, float]]] = {}
    # One thread each: the races themselves are what runs side by side.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    with ProcessPoolExecutor(arguments.processes) as processes:
        for done, (heat, result, seconds) in enumerate(processes.map(race, heats), start=1):
            results.setdefault((heat.table.stem, heat.player), []).append((result, seconds))
            print(f"\r{done} of {len(heats)} races", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for table in tables:
        for player in players:
            _figures(outcome, table.stem, player, results[table.stem, player], whole=arguments.whole)
    _bars(outcome, [table.stem for table in tables], {key: _spent(found, MARK) for key, found in results.items()})
    return outcome


def _figures(outcome: Outcome, table: str, player: str, found: list[tuple[Race, float]], *, whole: bool) -> None:
    for mark in MARKS if whole else [mark for mark in MARKS if mark >= MARK]:
        spent = _spent(found, mark)
        share = sum(map(np.isfinite, spent)) / len(spent)
        low, high = _interval(spent)
        name = f"{table}: {player}, best {mark:g} % ({share:.0%} got there; 90 %: {_told(low)} to {_told(high)})"
        outcome.figure(name, "units", spent)
    if whole:
        outcome.figure(f"{table}: {player}, best value at the end", "loss", [result.best for result, _ in found])
    outcome.figure(f"{table}: {player}, processor time", "s", [seconds for _, seconds in found])


def _bars(outcome: Outcome, tables: list[str], spent: Mapping[tuple[str, str], list[float]]) -> None:
    medians = _medians(spent)
    ratios = {table: medians[table, AUTO] / medians[table, MEDIAN] for table in tables}
    for table, ratio in ratios.items():
        outcome.bar(f"{table}: of what Optuna's default spends", ratio, at_most=0.7, unit="x")
        against = medians[table, AUTO] / medians[table, HALVING]
        outcome.bar(f"{table}: of what Optuna's halving spends", against, at_most=1.0, unit="x")
    low, high = _likely(tables, spent)
    name = f"all tables (geometric mean; with other seeds, 90 %: {low:.2f} to {high:.2f})"
    outcome.bar(name, statistics.geometric_mean(ratios.values()), at_most=0.43, unit="x")


def _medians(spent: Mapping[tuple[str, str], list[float]]) -> dict[tuple[str, str], float]:
    return {key: min(statistics.median(found), BUDGET) for key, found in spent.items()}


def _likely(tables: list[str], spent: Mapping[tuple[str, str], list[float]], *, draws: int = 1000) -> tuple[float, ...]:
    """Between which values the geometric mean lies, by the bootstrap: a draw takes the same seeds everywhere."""
    chance, seeds, means = np.random.default_rng(0), len(next(iter(spent.values()))), []
    for _ in range(draws):
        drawn = chance.integers(0, seeds, seeds)
        medians = _medians({key: [found[seed] for seed in drawn] for key, found in spent.items()})
        means.append(statistics.geometric_mean([medians[table, AUTO] / medians[table, MEDIAN] for table in tables]))
    return tuple(np.quantile(means, [0.05, 0.95]))


def _spent(found: list[tuple[Race, float]], mark: float) -> list[float]:
    return [result.reached.get(mark, float("inf")) for result, _ in found]


def _interval(sample: list[float], *, draws: int = 1000) -> tuple[float, float]:
    """Between which values the median lies, by the bootstrap."""
    drawn = np.random.default_rng(0).choice(np.array(sample), size=(draws, len(sample)))
    # Those that never got there are behind all others, which a mean of two of them would not survive.
    medians = np.quantile(np.minimum(drawn, _NEVER), 0.5, axis=1)
    return tuple(np.quantile(medians, [0.05, 0.95]))


def _told(spent: float) -> str:
    # A mean of some that got there and one that did not is behind the budget, too.
    return f"{spent:.0f}" if spent <= BUDGET else "never"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tables", type=Path, default=CURVES, metavar="FOLDER", help="where the tables are")
    parser.add_argument("--seeds", type=int, default=30, help="races of each player on each table (30)")
    parser.add_argument("--workers", type=int, default=16, help="virtual workers (16)")
    parser.add_argument("--whole", action="store_true", help="race on until the budget is spent")
    parser.add_argument("--stops", action="store_true", help="let auto race too as it is where nothing can be paused")
    parser.add_argument("--processes", type=int, default=None, help="real processes (one for each core)")


if __name__ == "__main__":
    main(partial(run), options=_options)
