"""How alike two curves are that ought to be the same: to the last bit, within a tolerance, or not at all."""

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Curve = Sequence[tuple[int, float]]
ROUNDING = 1e-3
"""What arithmetic in another order may come to by the end of a training, as a share of the value."""
_SPREADS = 2.0
_LEAST_RUNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was found, and in a sentence."""

    likeness: Literal["equal", "close", "different", "incomparable"]
    said: str
    steps: int = 0
    first_different: int | None = None
    farthest: float | None = None
    tolerance: float | None = None
    tolerance_from: Literal["seeds", "rounding"] | None = None


def noise(curves: Sequence[Curve]) -> Mapping[int, float]:
    """How much runs on different seeds differ at each step: their standard deviation, of three or more."""
    at: defaultdict[int, list[float]] = defaultdict(list)
    for curve in curves:
        for step, value in curve:
            if math.isfinite(value):
                at[step].append(value)
    return {step: statistics.stdev(values) for step, values in at.items() if len(values) >= _LEAST_RUNS}


def compare(before: Curve, after: Curve, spread: Mapping[int, float]) -> Comparison:
    """Compare them at the steps that both have; `spread` is what seeds do at a step, where that is known."""
    first, second = dict(before), dict(after)
    common = sorted(first.keys() & second.keys())
    if not common:
        return Comparison(likeness="incomparable", said="The two curves have no step in common.")
    apart = {step: _apart(first[step], second[step]) for step in common}
    differ = [step for step in common if apart[step] > 0]
    missing = len(first.keys() - second.keys())
    if not differ and not missing:
        return Comparison(
            likeness="equal", said=f"Equal to the last bit at all {len(common)} steps.", steps=len(common)
        )
    # The step at which the tolerance is exceeded most, or nearest to it.
    allowed = {step: spread[step] * _SPREADS if spread.get(step) else abs(first[step]) * ROUNDING for step in common}
    worst = max(common, key=lambda step: (_times(apart[step], allowed[step]), -step))
    close = apart[worst] <= allowed[worst] and not missing
    by_seeds = bool(spread.get(worst))
    return Comparison(
        likeness="close" if close else "different",
        said=_said(worst, apart[worst], allowed[worst], by_seeds=by_seeds, missing=missing, equal=not differ),
        steps=len(common),
        first_different=differ[0] if differ else None,
        farthest=max(apart.values()),
        tolerance=allowed[worst],
        tolerance_from="seeds" if by_seeds else "rounding",
    )


def _said(worst: int, apart: float, allowed: float, *, by_seeds: bool, missing: int, equal: bool) -> str:
    if missing:
        how = "equal" if equal else "not equal"
        return f"It did not come as far: {missing} steps are missing; those that are there are {how}."
    what = "runs on other seeds differ by (twice their standard deviation)" if by_seeds else "0.1 % of the value"
    if apart <= allowed:
        return f"Close: at step {worst}, where it is nearest to too far, {apart:.3g} apart; {what}: {allowed:.3g}."
    return f"Different: {apart:.3g} apart at step {worst}; {what}: {allowed:.3g}."


def _apart(one: float, other: float) -> float:
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0
    apart = abs(one - other)
    return math.inf if math.isnan(apart) else apart


def _times(apart: float, allowed: float) -> float:
    if apart == 0:
        return 0.0
    return apart / allowed if allowed else math.inf
