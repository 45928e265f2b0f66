"""Advice for a study, from what its best trials tell of their health and from where trials diverged."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from service.domain import health
from service.domain.trial import Trial
from service.usecases.analysis.best import nothing
from service.wire.analysis import Advice, Hint

TOP = 10
"""So many of the best trials are asked how they are."""
FEWEST = 3
DEAD, MISLABELLED, MOST_OF_THEM = 0.2, 0.03, 0.8
BEYOND, OFTEN = 3.0, 0.3
_RATES = ("learning_rate", "lr")


@dataclass(frozen=True, slots=True)
class Told:
    """A trial among the best, the best first, and the metrics of its last point."""

    trial: Trial
    metrics: Mapping[str, float]

    @property
    def figures(self) -> Mapping[str, float]:
        """Its figures of health."""
        return health.of(self.metrics)


def advise(study: str, seq: int, trials: Mapping[int, Trial], best: Sequence[Told]) -> Advice:
    """All that there is to say."""
    hints = tuple(_hints(trials, best))
    return Advice(study=study, seq=seq, hints=hints, reason=None if hints else _silence(trials, best))


def _silence(trials: Mapping[int, Trial], best: Sequence[Told]) -> str:
    if not best:
        return nothing(trials)
    telling = sum(1 for one in best if one.figures)
    if telling < FEWEST:
        return f"{telling} of the {len(best)} best trials tell of their health: it takes {FEWEST} to advise."
    return f"Nothing stands out in the health of the {telling} best trials."


def _hints(trials: Mapping[int, Trial], best: Sequence[Told]) -> Iterator[Hint]:
    for found in (_border(trials, best), _dead(best), _mislabelled(best), _memorised(best)):
        if found is not None:
            yield found


def _border(trials: Mapping[int, Trial], best: Sequence[Told]) -> Hint | None:
    """Whether the best learning rate is as large as it can be: of trials a little above it, many diverged."""
    name = next((one for one in _RATES if best and _is_rate(best[0].trial.params.get(one))), None)
    if name is None:
        return None
    first = best[0].trial
    rate = _rate(first, name)
    near = [
        one
        for one in trials.values()
        if one.number != first.number
        and one.params.get("optimizer") == first.params.get("optimizer")
        and rate <= _rate(one, name) <= BEYOND * rate
        and (one.state in {"completed", "pruned"} or _diverged(one))
    ]
    lost = [one for one in near if _diverged(one)]
    if len(lost) < FEWEST or len(lost) < OFTEN * len(near):
        return None
    optimizer = first.params.get("optimizer")
    alike = f" with {optimizer}" if isinstance(optimizer, str) else ""
    return Hint(
        topic="stability",
        text=f"The best learning rate is at the border of stability: trial {first.number} has {name} {rate:.3g}, and "
        f"of {len(near)} trials{alike} between that and {BEYOND:g} times as much {len(lost)} diverged. Let the rate "
        f"warm up (warm_up) or clip gradients (clip_norm): then larger steps may be stable.",
        figures={"rate": rate, "near": float(len(near)), "diverged": float(len(lost))},
        trials=tuple(sorted(one.number for one in (first, *lost))),
    )


def _is_rate(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _rate(trial: Trial, name: str) -> float:
    value = trial.params.get(name)
    return float(value) if isinstance(value, int | float) else math.nan


def _diverged(trial: Trial) -> bool:
    return trial.state == "infeasible" and trial.failure is not None and trial.failure.failure_class == "nan"


def _dead(best: Sequence[Told]) -> Hint | None:
    telling, share = _median(best, "dead")
    if share <= DEAD:
        return None
    return Hint(
        topic="dead_units",
        text=f"In the {len(telling)} best trials that have ReLU, {share:.0%} of a layer's units are dead (the median "
        "of their worst layers): try leaky_relu or elu as activation.",
        figures={"dead": share},
        trials=telling,
    )


def _mislabelled(best: Sequence[Told]) -> Hint | None:
    telling, share = _median(best, "mislabelled")
    if share <= MISLABELLED:
        return None
    return Hint(
        topic="label_noise",
        text=f"About {share:.1%} of the labels look wrong (the median of the {len(telling)} best trials): look at the "
        "samples that they get wrong, and search label_smoothing.",
        figures={"mislabelled": share},
        trials=telling,
    )


def _memorised(best: Sequence[Told]) -> Hint | None:
    telling = [one for one in best if "gap" in one.figures]
    those = [one for one in telling if "memorised" in health.flags(one.metrics)]
    if len(telling) < FEWEST or len(those) < MOST_OF_THEM * len(telling):
        return None
    gap = median(one.figures["gap"] for one in those)
    return Hint(
        topic="memorised",
        text=f"{len(those)} of the {len(telling)} best trials have learnt their samples by heart: their validation "
        f"loss is {gap:.3g} times above their training loss (median). Raise the ranges of dropout, weight_decay and of "
        "augmentation, or take more data.",
        figures={"gap": gap, "memorised": float(len(those)), "of": float(len(telling))},
        trials=tuple(one.trial.number for one in those),
    )


def _median(best: Sequence[Told], name: str) -> tuple[tuple[int, ...], float]:
    """The trials that tell a figure, and the median of it; 0 where too few do."""
    found = {one.trial.number: value for one in best if math.isfinite(value := one.figures.get(name, math.nan))}
    return tuple(found), median(found.values()) if len(found) >= FEWEST else 0.0
