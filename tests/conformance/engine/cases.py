"""The cases: spaces, samplers and pruners, each once in the words of a study and once in Optuna's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from optuna import pruners, samplers
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import Trial

from service.search.seeds import Seeds
from service.wire.study import StudyDefinition
from tests.conformance.engine.play import Params
from tests.conformance.engine.reference import Suggest

BATCHES = (16, 32, 64, 128)
WIDTHS = ("narrow", "wide", "widest")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceCase:
    """A space, how Optuna is asked for a point of it, and two points that people might give."""

    space: Mapping[str, Mapping[str, Any]]
    suggest: Suggest
    given: tuple[Params, Params]

    def inward(self, params: Params) -> Mapping[str, Any]:
        """A given point as Optuna knows it: it has no ordinal values, only their places."""
        return {
            name: list(self.space[name]["values"]).index(value) if self.space[name]["type"] == "ordinal" else value
            for name, value in params.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerCase:
    """A sampler, and the space and number of trials that it is tried with; `short` is that of a short game."""

    sampler: Mapping[str, Any]
    optuna: Callable[[Seeds], BaseSampler]
    space: SpaceCase
    trials: int = 24
    short: int = 10
    feasibility: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunerCase:
    """A scheduler."""

    scheduler: Mapping[str, Any]
    optuna: Callable[[], BasePruner]


def _flat(trial: Trial) -> Params:
    return {
        "rate": trial.suggest_float("rate", 1e-5, 0.1, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.7, step=0.1),
        "decay": trial.suggest_float("decay", 0.0, 1.0),
        "layers": trial.suggest_int("layers", 1, 9, step=2),
        "units": trial.suggest_int("units", 8, 512, log=True),
        "batch": BATCHES[trial.suggest_int("batch", 0, 3)],
        "width": trial.suggest_categorical("width", WIDTHS),
    }


FLAT = SpaceCase(
    space={
        "rate": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
        "dropout": {"type": "float", "low": 0.0, "high": 0.7, "step": 0.1},
        "decay": {"type": "float", "low": 0.0, "high": 1.0},
        "layers": {"type": "int", "low": 1, "high": 9, "step": 2},
        "units": {"type": "int", "low": 8, "high": 512, "log": True},
        "batch": {"type": "ordinal", "values": BATCHES},
        "width": {"type": "categorical", "choices": WIDTHS},
    },
    suggest=_flat,
    given=(
        {"rate": 0.01, "dropout": 0.5, "decay": 0.25, "layers": 3, "units": 64, "batch": 32, "width": "wide"},
        {"rate": 1e-3, "dropout": 0.0, "decay": 1.0, "layers": 9, "units": 8, "batch": 128, "width": "narrow"},
    ),
)


def _small(trial: Trial) -> Params:
    return {
        "rate": trial.suggest_float("rate", 1e-5, 0.1, log=True),
        "batch": BATCHES[trial.suggest_int("batch", 0, 3)],
        "width": trial.suggest_categorical("width", WIDTHS),
    }


SMALL = SpaceCase(
    space={name: FLAT.space[name] for name in ("rate", "batch", "width")},
    suggest=_small,
    given=({"rate": 0.01, "batch": 32, "width": "wide"}, {"rate": 1e-3, "batch": 64, "width": "narrow"}),
)


def _branching(trial: Trial) -> Params:
    params: dict[str, Any] = {
        "optimizer": trial.suggest_categorical("optimizer", ("sgd", "adam", None)),
        "rate": trial.suggest_float("rate", 1e-5, 0.1, log=True),
        "layers": trial.suggest_int("layers", 1, 4),
        "only": trial.suggest_categorical("only", ("one",)),
    }
    # Parameters that hang on others come behind all that do not.
    if params["optimizer"] == "sgd":
        params["momentum"] = trial.suggest_float("momentum", 0.0, 0.99)
    if params["layers"] >= 3:
        params["batch"] = BATCHES[trial.suggest_int("batch", 0, 3)]
    if params.get("momentum", 0) > 0.5:
        params["nesterov"] = trial.suggest_categorical("nesterov", (True, False))
    return params


BRANCHING = SpaceCase(
    space={
        "nesterov": {"type": "categorical", "choices": (True, False), "when": {"momentum": {"min": 0.5}}},
        "optimizer": {"type": "categorical", "choices": ("sgd", "adam", None)},
        "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"optimizer": "sgd"}},
        "rate": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
        "layers": {"type": "int", "low": 1, "high": 4},
        "batch": {"type": "ordinal", "values": BATCHES, "when": {"layers": {"min": 3}}},
        "only": {"type": "categorical", "choices": ("one",)},
        "scaled": {"type": "derived", "expression": "rate * 2"},
    },
    suggest=_branching,
    given=(
        {"optimizer": "sgd", "rate": 0.01, "layers": 2, "only": "one", "momentum": 0.9, "nesterov": True},
        {"optimizer": "adam", "rate": 1e-3, "layers": 4, "only": "one", "batch": 64},
    ),
)


def _table(trial: Trial) -> Params:
    return {
        "width": trial.suggest_categorical("width", WIDTHS),
        "batch": BATCHES[trial.suggest_int("batch", 0, 3)],
        "dropout": trial.suggest_float("dropout", 0.0, 0.4, step=0.2),
    }


TABLE = SpaceCase(
    space={
        "width": FLAT.space["width"],
        "batch": FLAT.space["batch"],
        "dropout": {"type": "float", "low": 0.0, "high": 0.4, "step": 0.2},
    },
    suggest=_table,
    given=({"width": "wide", "batch": 32, "dropout": 0.2}, {"width": "narrow", "batch": 16, "dropout": 0.0}),
)


def _tree(trial: Trial) -> Params:
    params: dict[str, Any] = {
        "width": trial.suggest_categorical("width", WIDTHS),
        "layers": trial.suggest_int("layers", 1, 3),
    }
    if params["width"] == "wide":
        params["dropout"] = trial.suggest_float("dropout", 0.0, 0.3, step=0.1)
    if params["layers"] >= 2:
        params["batch"] = BATCHES[trial.suggest_int("batch", 0, 3)]
    return params


TREE = SpaceCase(
    space={
        "width": FLAT.space["width"],
        "layers": {"type": "int", "low": 1, "high": 3},
        "dropout": {"type": "float", "low": 0.0, "high": 0.3, "step": 0.1, "when": {"width": "wide"}},
        "batch": {"type": "ordinal", "values": BATCHES, "when": {"layers": {"min": 2}}},
    },
    suggest=_tree,
    given=({"width": "wide", "layers": 1, "dropout": 0.2}, {"width": "narrow", "layers": 3, "batch": 64}),
)


def _qmc(sequence: str) -> Callable[[Seeds], BaseSampler]:
    return lambda seeds: samplers.QMCSampler(
        qmc_type=sequence,
        scramble=True,
        seed=seeds.study,
        independent_sampler=samplers.RandomSampler(seed=seeds.trial),
        warn_independent_sampling=False,
    )


GRID_VALUES: Mapping[str, Any] = {"width": WIDTHS, "batch": range(4), "dropout": (0.0, 0.2, 0.4)}
SAMPLERS: Mapping[str, SamplerCase] = {
    "tpe": SamplerCase(
        sampler={"type": "tpe", "startup_trials": 3},
        optuna=lambda seeds: samplers.TPESampler(seed=seeds.trial, n_startup_trials=3, multivariate=True),
        space=FLAT,
    ),
    "tpe-conditional": SamplerCase(
        sampler={"type": "tpe", "startup_trials": 3, "ei_candidates": 7},
        optuna=lambda seeds: samplers.TPESampler(
            seed=seeds.trial, n_startup_trials=3, n_ei_candidates=7, multivariate=True
        ),
        space=BRANCHING,
    ),
    "tpe-group": SamplerCase(
        sampler={"type": "tpe", "startup_trials": 3, "group": True},
        optuna=lambda seeds: samplers.TPESampler(seed=seeds.trial, n_startup_trials=3, multivariate=True, group=True),
        space=BRANCHING,
    ),
    "tpe-independent": SamplerCase(
        sampler={"type": "tpe", "startup_trials": 3, "multivariate": False},
        optuna=lambda seeds: samplers.TPESampler(seed=seeds.trial, n_startup_trials=3, multivariate=False),
        space=BRANCHING,
        trials=20,
    ),
    "gp": SamplerCase(
        sampler={"type": "gp", "startup_trials": 2},
        optuna=lambda seeds: samplers.GPSampler(seed=seeds.trial, n_startup_trials=2, warn_independent_sampling=False),
        space=SMALL,
        trials=8,
        short=6,
        feasibility=True,
    ),
    "cmaes": SamplerCase(
        sampler={"type": "cmaes", "population_size": 4},
        optuna=lambda seeds: samplers.CmaEsSampler(seed=seeds.trial, popsize=4, warn_independent_sampling=False),
        space=FLAT,
    ),
    "cmaes-margin": SamplerCase(
        sampler={"type": "cmaes", "population_size": 4, "with_margin": True, "startup_trials": 3},
        optuna=lambda seeds: samplers.CmaEsSampler(
            seed=seeds.trial, popsize=4, with_margin=True, n_startup_trials=3, warn_independent_sampling=False
        ),
        space=FLAT,
    ),
    "sobol": SamplerCase(sampler={"type": "qmc"}, optuna=_qmc("sobol"), space=FLAT),
    "halton": SamplerCase(
        sampler={"type": "qmc", "sequence": "halton"},
        optuna=_qmc("halton"),
        space=BRANCHING,
    ),
    "random": SamplerCase(
        sampler={"type": "random"}, optuna=lambda seeds: samplers.RandomSampler(seed=seeds.trial), space=BRANCHING
    ),
    "grid": SamplerCase(
        sampler={"type": "grid"},
        optuna=lambda seeds: samplers.GridSampler({**GRID_VALUES}, seed=seeds.study),
        space=TABLE,
    ),
    "brute-force": SamplerCase(
        sampler={"type": "brute_force"},
        optuna=lambda seeds: samplers.BruteForceSampler(seed=seeds.trial),
        space=TREE,
    ),
    "nsga2": SamplerCase(
        sampler={"type": "nsga2", "population_size": 4},
        optuna=lambda seeds: samplers.NSGAIISampler(seed=seeds.trial, population_size=4),
        space=BRANCHING,
    ),
    "nsga3": SamplerCase(
        sampler={"type": "nsga3", "population_size": 5, "crossover_probability": 0.7, "mutation_probability": 0.4},
        optuna=lambda seeds: samplers.NSGAIIISampler(
            seed=seeds.trial, population_size=5, crossover_prob=0.7, mutation_prob=0.4
        ),
        space=FLAT,
    ),
}
PRUNERS: Mapping[str, PrunerCase] = {
    "none": PrunerCase(scheduler={"type": "none"}, optuna=pruners.NopPruner),
    "median": PrunerCase(
        scheduler={"type": "median", "startup_trials": 2},
        optuna=lambda: pruners.MedianPruner(n_startup_trials=2),
    ),
    "percentile": PrunerCase(
        scheduler={
            "type": "percentile",
            "percentile": 30,
            "startup_trials": 2,
            "warmup_steps": 2,
            "interval_steps": 3,
            "min_trials": 2,
        },
        optuna=lambda: pruners.PercentilePruner(
            30, n_startup_trials=2, n_warmup_steps=2, interval_steps=3, n_min_trials=2
        ),
    ),
    "asha": PrunerCase(
        scheduler={"type": "asha", "mode": "stop", "reduction_factor": 2},
        optuna=lambda: pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
    ),
    "hyperband": PrunerCase(
        scheduler={"type": "hyperband", "max_resource": 27, "reduction_factor": 3},
        optuna=lambda: pruners.HyperbandPruner(min_resource=1, max_resource=27, reduction_factor=3),
    ),
    "patient": PrunerCase(
        scheduler={"type": "patient", "patience": 1, "min_delta": 0.05},
        optuna=lambda: pruners.PatientPruner(None, patience=1, min_delta=0.05),
    ),
    "patient-median": PrunerCase(
        scheduler={"type": "patient", "patience": 0, "wrapped": {"type": "median", "startup_trials": 2}},
        optuna=lambda: pruners.PatientPruner(pruners.MedianPruner(n_startup_trials=2), patience=0),
    ),
    "threshold": PrunerCase(
        scheduler={"type": "threshold", "lower": -7.0, "upper": 7.0, "warmup_steps": 1, "interval_steps": 2},
        optuna=lambda: pruners.ThresholdPruner(lower=-7.0, upper=7.0, n_warmup_steps=1, interval_steps=2),
    ),
    "wilcoxon": PrunerCase(
        scheduler={"type": "wilcoxon", "p_threshold": 0.3, "startup_steps": 2},
        optuna=lambda: pruners.WilcoxonPruner(p_threshold=0.3, n_startup_steps=2),
    ),
}
OTHER_SPACES: Mapping[str, SpaceCase] = {
    "tpe": BRANCHING,
    "tpe-group": FLAT,
    "gp": BRANCHING,
    "cmaes": BRANCHING,
    "sobol": BRANCHING,
    "random": TABLE,
    "nsga2": FLAT,
    "brute-force": TABLE,
}
"""Samplers once more with a space of the other kind."""


def definition(
    sampler: SamplerCase,
    pruner: PrunerCase,
    directions: tuple[Literal["minimize", "maximize"], ...],
    space: SpaceCase | None = None,
    name: str = "equivalence",
) -> StudyDefinition:
    """The study of a case."""
    objectives = [
        {"metric": metric, "direction": direction}
        for metric, direction in zip(("loss", "cost"), directions, strict=False)
    ]
    return StudyDefinition.model_validate(
        {
            "name": name,
            "objectives": objectives,
            "space": (space or sampler.space).space,
            "sampler": sampler.sampler,
            "scheduler": pruner.scheduler,
            # Optuna leaves it to the pruner what becomes of a NaN.
            "stopping": {"nan": "ignore"},
            "seed": 7,
        }
    )
