"""Writes trials of a JSON file into an Optuna database, by the Python of an environment that has optuna-dashboard.

`python optuna_board.py TRIALS.json FILE.db`. It writes the rows itself: through Optuna's storage it takes minutes.
"""

import json
import sqlite3
import sys

import optuna

_STATES = {"completed": "COMPLETE", "pruned": "PRUNED", "running": "RUNNING", "failed": "FAIL"}


def main() -> None:
    """Make the study."""
    with open(sys.argv[1]) as file:
        told = json.load(file)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=f"sqlite:///{sys.argv[2]}", study_name=told["name"])
    choices = told["choices"]
    distributions = {
        name: optuna.distributions.distribution_to_json(
            optuna.distributions.CategoricalDistribution(choices[name])
            if name in choices
            else optuna.distributions.FloatDistribution(bounds[0], bounds[1], log=bounds[2])
        )
        for name, bounds in told["bounds"].items()
    }
    database = sqlite3.connect(sys.argv[2])
    at = "2026-01-01 00:00:00.000000"
    trials = told["trials"]
    rows = [
        (number + 1, number, study._study_id, _STATES[one["state"]], at, None if one["state"] == "running" else at)
        for number, one in enumerate(trials)
    ]
    database.executemany(
        "INSERT INTO trials (trial_id, number, study_id, state, datetime_start, datetime_complete) "
        "VALUES (?,?,?,?,?,?)",
        rows,
    )
    database.executemany(
        "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, 0, ?, 'FINITE')",
        [(n + 1, one["curve"][-1]) for n, one in enumerate(trials) if one["state"] in {"completed", "pruned"}],
    )
    database.executemany(
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?,?,?,?)",
        [
            (n + 1, name, choices[name].index(value) if name in choices else value, distributions[name])
            for n, one in enumerate(trials)
            for name, value in one["params"].items()
        ],
    )
    database.executemany(
        "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type) "
        "VALUES (?,?,?,'FINITE')",
        [(n + 1, step, value) for n, one in enumerate(trials) for step, value in enumerate(one["curve"], start=1)],
    )
    database.commit()


if __name__ == "__main__":
    main()
