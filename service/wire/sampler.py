"""The samplers a study may name, each a record with its own options."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from service.wire.message import Request


def by_name(value: Any) -> Any:
    """Let `sampler: tpe` stand for `sampler: {type: tpe}`."""
    return {"type": value} if isinstance(value, str) else value


Observe = Literal["final", "last", "extrapolated"]
_OBSERVE = (
    "What it is shown of trials that were cut short: 'final' values only (as Optuna does), their 'last' value as if "
    "they had completed with it, or one 'extrapolated' from all curves once 30 trials came more than half of the way."
)


class AutoSampler(Request):
    """The sampler that fits the space and the budget."""

    type: Literal["auto"]


class TpeSampler(Request):
    """Tree-structured Parzen estimator (Bergstra et al. 2011)."""

    type: Literal["tpe"]
    startup_trials: int = Field(default=10, ge=0, le=100_000)
    ei_candidates: int = Field(default=24, ge=1, le=10_000)
    multivariate: bool = True
    group: bool = False
    observe: Observe = Field(default="final", description=_OBSERVE)


class GpSampler(Request):
    """Gaussian process with expected improvement."""

    type: Literal["gp"]
    startup_trials: int = Field(default=10, ge=0, le=100_000)
    deterministic_objective: bool = False
    observe: Observe = Field(default="final", description=_OBSERVE)


class CmaEsSampler(Request):
    """Covariance matrix adaptation evolution strategy (Hansen 2016)."""

    type: Literal["cmaes"]
    startup_trials: int = Field(default=1, ge=0, le=100_000)
    population_size: int | None = Field(default=None, ge=2, le=10_000)
    with_margin: bool = False
    observe: Observe = Field(default="final", description=_OBSERVE)


class QmcSampler(Request):
    """Low-discrepancy points: Sobol or Halton."""

    type: Literal["qmc"]
    sequence: Literal["sobol", "halton"] = "sobol"
    scramble: bool = True


class RandomSampler(Request):
    """Independent random points."""

    type: Literal["random"]


class GridSampler(Request):
    """Every combination of a few values a parameter."""

    type: Literal["grid"]


class BruteForceSampler(Request):
    """Every point of a space that is discrete, conditions included."""

    type: Literal["brute_force"]


class Nsga2Sampler(Request):
    """Non-dominated sorting genetic algorithm II (Deb et al. 2002)."""

    type: Literal["nsga2"]
    population_size: int = Field(default=50, ge=2, le=10_000)
    crossover_probability: float = Field(default=0.9, ge=0, le=1)
    mutation_probability: float | None = Field(default=None, ge=0, le=1)


class Nsga3Sampler(Request):
    """Non-dominated sorting genetic algorithm III (Deb and Jain 2014), for many objectives."""

    type: Literal["nsga3"]
    population_size: int = Field(default=50, ge=2, le=10_000)
    crossover_probability: float = Field(default=0.9, ge=0, le=1)
    mutation_probability: float | None = Field(default=None, ge=0, le=1)


AnySampler = Annotated[
    AutoSampler
    | TpeSampler
    | GpSampler
    | CmaEsSampler
    | QmcSampler
    | RandomSampler
    | GridSampler
    | BruteForceSampler
    | Nsga2Sampler
    | Nsga3Sampler,
    Field(discriminator="type"),
    BeforeValidator(by_name),
]
