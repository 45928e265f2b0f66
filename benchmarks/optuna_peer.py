"""Optuna's own storage on the same database: what people use today."""

import time
import warnings

import optuna
from optuna.storages import RDBStorage


def reports_a_second(url: str, *, seconds: float) -> float:
    """How many intermediate values one caller can write: its storage commits each by itself."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = RDBStorage(url)
        study = optuna.create_study(storage=storage)
        trial = study.ask()
        step, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            trial.report(1.0 / (step + 1), step)
            step += 1
        took = time.perf_counter() - begin
        storage.engine.dispose()
    return step / took
