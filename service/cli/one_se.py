"""The one-standard-error rule: of the trials that are as good as the best one, the one that is regularised most.

Cross-validation gives each trial a standard error. What is better than another by less than that is no better; of those
the model with the largest lambda is the simplest (Breiman, Friedman, Olshen, Stone 1984).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.cli.errors import BadInput
from service.words import number, real

ERROR = "_se"
OWN = "fold_"
"""How a metric begins that is of each fold by itself; its mean over folds is the study's value then."""
Trial = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the rule chose: a trial, the best one, up to which value others count as good, and which those are."""

    metric: str
    parameter: str
    trial: Trial
    best: Trial
    error: float
    bound: float
    within: tuple[int, ...]


def choose(trials: Sequence[Trial], objective: Mapping[str, Any], parameter: str) -> Choice | None:
    """The completed trial with the largest parameter among those within one standard error of the best, if any is."""
    metric = str(objective["metric"])
    sign = -1.0 if objective["direction"] == "maximize" else 1.0
    judged = {int(one["number"]): value for one in trials if (value := _value(one, metric)) is not None}
    known = [one for one in trials if int(one["number"]) in judged]
    if not known:
        return None
    best = min(known, key=lambda one: sign * judged[one["number"]])
    named = f"{metric.removeprefix(OWN)}{ERROR}"
    error = real((best.get("last_metrics") or {}).get(named))
    if error is None:
        raise BadInput(
            f"--rule one-se: trial {best['number']} has no {named}, the standard error over folds",
            hint="Only cross-validation has one: cv_folds: 5 in the settings of the study's trainer.",
        )
    bound = judged[best["number"]] + sign * error
    within = [one for one in known if sign * judged[one["number"]] <= sign * bound]
    having = [one for one in within if real(one["params"].get(parameter)) is not None]
    if not having:
        searched = ", ".join(sorted({name for one in within for name in one["params"]}))
        raise BadInput(f"--parameter: these trials have no number {parameter!r}; they have {searched or 'none'}")
    most = max(having, key=lambda one: (float(one["params"][parameter]), -sign * judged[one["number"]]))
    return Choice(metric, parameter, most, best, error, bound, tuple(sorted(int(one["number"]) for one in within)))


def told(choice: Choice) -> list[str]:
    """The choice in words."""
    values = {one["number"]: one["values"][choice.metric] for one in (choice.trial, choice.best)}
    best, chosen = choice.best["number"], choice.trial["number"]
    lines = [
        f"The best is trial {best}: {choice.metric} {number(values[best])}, with a standard error of "
        f"{number(choice.error)} over folds."
    ]
    many = len(choice.within)
    if chosen == best:
        others = "no other" if many == 1 else f"{many - 1} others"
        lines.append(f"Of it and {others} within one standard error it has the largest {choice.parameter}.")
    else:
        lines.append(
            f"Trial {chosen} ({number(values[chosen])}) has the largest {choice.parameter} of the {many} trials within "
            f"{number(choice.bound)}."
        )
    return lines


def _value(trial: Trial, metric: str) -> float | None:
    return real((trial.get("values") or {}).get(metric))
