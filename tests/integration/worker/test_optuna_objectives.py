"""Objectives that were written for Optuna run as they are: those of its own documentation, word for word."""

from pathlib import Path

import pytest

from tests.integration.worker.running import Running, order, written

# From "Efficient Optimization Algorithms": an iterative estimator that is pruned.
_PRUNING = """
    import logging
    import sys

    import sklearn.datasets
    import sklearn.linear_model
    import sklearn.model_selection

    import optuna


    def objective(trial):
        iris = sklearn.datasets.load_iris()
        classes = list(set(iris.target))
        train_x, valid_x, train_y, valid_y = sklearn.model_selection.train_test_split(
            iris.data, iris.target, test_size=0.25, random_state=0
        )

        alpha = trial.suggest_float("alpha", 1e-5, 1e-1, log=True)
        clf = sklearn.linear_model.SGDClassifier(alpha=alpha)

        for step in range(100):
            clf.partial_fit(train_x, train_y, classes=classes)

            # Report intermediate objective value.
            intermediate_value = 1.0 - clf.score(valid_x, valid_y)
            trial.report(intermediate_value, step)

            # Handle pruning based on the intermediate value.
            if trial.should_prune():
                raise optuna.TrialPruned()

        return 1.0 - clf.score(valid_x, valid_y)

    train = objective
"""
# From "Pythonic Search Space", with a branch and a loop.
_BRANCHES = """
    import optuna

    def objective(trial):
        classifier = trial.suggest_categorical("classifier", ["RandomForest", "SVC"])
        if classifier == "SVC":
            c = trial.suggest_float("svc_c", 1e-10, 1e10, log=True)
            return c
        n_layers = trial.suggest_int("n_layers", 1, 3)
        width = 1
        for i in range(n_layers):
            width *= trial.suggest_int("n_units_l{}".format(i), 4, 128, log=True)
        drop = trial.suggest_float("dropout_rate", 0.0, 1.0, step=0.1)
        trial.set_user_attr("width", width)
        return width * drop

    train = objective
"""
# From "Multi-objective Optimization", without the training.
_TWO_OBJECTIVES = """
    def train(trial):
        x = trial.suggest_float("x", 0, 5)
        y = trial.suggest_float("y", 0, 3)

        v0 = 4 * x**2 + 4 * y**2
        v1 = (x - 5) ** 2 + (y - 5) ** 2
        return v0, v1
"""


def test_a_pruning_objective_runs_to_its_end(bare: Running, folder: Path) -> None:
    told = bare.run(written(folder, _PRUNING), {"alpha": 1e-3}, metric="value")
    assert told.ended.outcome == "completed"
    assert [step for step, _ in told.points] == list(range(100))
    assert told.ended.values == {"value": told.points[-1][1]["value"]}
    assert all(0 <= metrics["value"] <= 1 for _, metrics in told.points)


@pytest.mark.parametrize(("which", "outcome"), [("stop", "pruned"), ("pause", "paused"), ("preempt", "preempted")])
def test_a_pruning_objective_is_pruned_by_its_own_exception(
    bare: Running, folder: Path, which: str, outcome: str
) -> None:
    endless = _PRUNING.replace("range(100)", "__import__('itertools').count()")
    told = bare.run(written(folder, endless), {"alpha": 1e-3}, act=order(which))  # type: ignore[arg-type]
    assert told.ended.outcome == outcome


def test_branches_and_loops_find_their_parameters(bare: Running, folder: Path) -> None:
    params = {"classifier": "RandomForest", "n_layers": 2, "n_units_l0": 4, "n_units_l1": 8, "dropout_rate": 0.3}
    told = bare.run(written(folder, _BRANCHES), params)
    assert told.ended.values == {"loss": 32 * 0.3}
    assert told.log == "width = 32\n"
    missing = bare.run(written(folder, _BRANCHES), {**params, "n_layers": 3})
    assert missing.ended.failure_class == "user_error"
    assert (
        "asks for 'n_units_l2', which the study's space does not give (it gives classifier, " in missing.ended.message
    )


def test_two_objectives(bare: Running, folder: Path) -> None:
    told = bare.run(written(folder, _TWO_OBJECTIVES), {"x": 1.0, "y": 2}, metric="cost", metrics=("cost", "size"))
    assert told.ended.values == {"cost": 20.0, "size": 25.0}
