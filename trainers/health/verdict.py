"""The verdict on a training: what it remembers of its epochs, and when it is hopeless. Plain numbers, no tensors."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from trainers.api import Failed, Stop
from trainers.health.figures import EXPLODES, FAR, HALF, NO_BETTER, Figures, Flag, flags

LASTING: Mapping[Flag, int] = {
    "collapsed": 4,
    "one_sided": 3,
    "vanishing": 3,
    "frozen": 3,
    "slow": 3,
    "dead_units": 3,
    "not_learning": 4,
}
"""For so many epochs in a row a disease must show before a training is given up. What is not here is told, no more.

Of several that have, the first one here is told as the reason: not learning is what comes of the others.
"""
FEWEST_STEPS = 50
"""An epoch may be a single step: after fewer than these no disease has had the time to show."""
SETTLED = 20
"""And so many before a loss that is far off, and not only NaN, is a reason to give up."""
SHARE = 0.2
"""Nor before so great a part of a training has gone by: what is trained for long may begin late."""
STEADY, AS_FAST = 5, 0.8
"""A loss that has fallen for so many epochs, in each by not less than so many parts of the fall before, falls on."""
FALLING = 0.9
"""One whose loss falls to less than so many parts in an epoch is on its way, however bad its start was."""
TRUSTED = 0.8
LEAST_VIOLATION, MOST_VIOLATION = 0.1, 1.0
PREFIX = "health."
FLAG = "health.flag."


@dataclass(frozen=True, slots=True)
class Memory:
    """What must be known of the epochs before."""

    start: float
    """The training loss before the first step."""
    epochs: int = 0
    loss: float | None = None
    fall: float = 0.0
    """By how much the loss fell in the last epoch."""
    steady: int = 0
    """For how many epochs it has fallen hardly less than in the epoch before."""
    lasting: Mapping[str, int] = field(default_factory=dict)
    least_val_loss: float | None = None
    mislabelled: float | None = None
    """At the epoch with the least validation loss: later a network learns wrong labels by heart."""
    most_grad_norm: float = 0.0
    most_loss: float = 0.0
    """The greatest mean loss of an epoch, and when that was."""
    most_loss_epoch: int = 0
    most_rate: float = 0.0

    def plain(self) -> dict[str, Any]:
        """In a form that a checkpoint keeps."""
        return asdict(self)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Memory":
        """As it was kept."""
        return cls(**kept)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is found after an epoch."""

    flags: frozenset[Flag]
    metrics: Mapping[str, float]
    """What is reported with the epoch's point."""
    end: Failed | Stop | None = None
    """What to raise, once the point is reported; None where the training goes on."""


def judge(seen: Figures, memory: Memory, *, steps: int, rate: float | None, stops: bool) -> tuple[Finding, Memory]:
    """The finding on one more epoch, and what is to be remembered. `rate` is the learning rate of its last step."""
    found = flags(seen)
    counts = 0 if _proves_nothing(rate, memory.most_rate) or _is_falling(seen, memory) else 1
    new = replace(_remembered(seen, memory), most_rate=max(memory.most_rate, rate or 0.0))
    # One that gets there has no disease that matters, whatever was counted so far.
    ill = frozenset[Flag]() if _gets_there(seen, new, steps) else found
    new = replace(new, lasting={flag: memory.lasting.get(flag, 0) + counts for flag in ill})
    end = _end(seen, new, steps) if stops else None
    violation = _violation(seen, new, diverged=isinstance(end, Failed))
    return Finding(found, _metrics(seen, found, new, violation), end), new


def _proves_nothing(rate: float | None, most: float) -> bool:
    """Whether an epoch proves nothing: while the learning rate warms up, and when it has fallen to less than half."""
    return rate is not None and most > 0 and (rate > most or rate < most / 2)


def _is_falling(seen: Figures, memory: Memory) -> bool:
    before = memory.start if memory.loss is None else memory.loss
    # To come down to guessing from not far above it takes no more than to learn how frequent each answer is.
    return seen.loss < FALLING * before and (seen.loss < seen.guess or before > FAR * seen.guess)


def _gets_there(seen: Figures, memory: Memory, steps: int) -> bool:
    """Whether the loss falls steadily, and so that it comes below guessing before the training ends."""
    if seen.steps is None or memory.steady < STEADY:
        return False
    left = (seen.steps - steps) * memory.epochs / steps
    return seen.loss - left * memory.fall < NO_BETTER * seen.guess


def _remembered(seen: Figures, memory: Memory) -> Memory:
    best = memory.least_val_loss is None or seen.val_loss < memory.least_val_loss
    noise = memory.mislabelled
    if best and seen.mislabelled is not None:
        # A network that knows little takes half of all labels for wrong.
        noise = seen.mislabelled if seen.val_loss < TRUSTED * seen.guess else None
    fall = (memory.start if memory.loss is None else memory.loss) - seen.loss
    norm = seen.grad_norm if seen.grad_norm is not None and math.isfinite(seen.grad_norm) else 0.0
    return replace(
        memory,
        epochs=memory.epochs + 1,
        loss=seen.loss,
        fall=fall,
        steady=memory.steady + 1 if fall > 0 and fall >= AS_FAST * memory.fall else 0,
        least_val_loss=seen.val_loss if best else memory.least_val_loss,
        mislabelled=noise,
        most_grad_norm=max(memory.most_grad_norm, norm),
        most_loss=max(memory.most_loss, seen.batch_loss),
        most_loss_epoch=memory.epochs + 1 if seen.batch_loss > memory.most_loss else memory.most_loss_epoch,
    )


def _end(seen: Figures, memory: Memory, steps: int) -> Failed | Stop | None:
    after = f"after {memory.epochs} epoch{'' if memory.epochs == 1 else 's'}"
    if not seen.finite:
        return Failed("nan", f"diverged: {_not_finite(seen)} {after}")
    if steps >= SETTLED and seen.far and seen.loss > NO_BETTER * seen.guess:
        return Failed("nan", f"diverged: {_far(seen, memory)} {after}")
    lasted = [flag for flag, epochs in LASTING.items() if memory.lasting.get(flag, 0) >= epochs]
    if steps < max(FEWEST_STEPS, SHARE * (seen.steps or 0)) or not lasted or seen.learns:
        return None
    if memory.most_loss > seen.stable:
        return Failed("nan", f"diverged: {_far(seen, memory)} {after}")
    return Stop("stop", f"{_REASONS[lasted[0]](seen)} {after}")


def _far(seen: Figures, memory: Memory) -> str:
    loss, guess = _words(seen)
    was = f"in epoch {memory.most_loss_epoch} {loss} was {memory.most_loss:.3g}"
    costs = guess if seen.contest else f"{guess} costs"
    than = f"it was at the start ({seen.start:.3g})" if seen.start > FAR * seen.guess else f"{costs} ({seen.guess:.3g})"
    return f"{was}, by far more than {than}, and it is {seen.loss:.3g}"


def _not_finite(seen: Figures) -> str:
    told = {
        _words(seen)[0]: seen.batch_loss if math.isfinite(seen.loss) else seen.loss,
        "the gradient's norm": seen.grad_norm or 0.0,
        "the validation loss": seen.val_loss,
    }
    name, value = next((name, one) for name, one in told.items() if not math.isfinite(one))
    return f"{name} is {'NaN' if math.isnan(value) else 'infinite'}"


def _words(seen: Figures) -> tuple[str, str]:
    """What the loss is, and what it is compared with."""
    if seen.contest:
        return "the distance to true samples", "that of one and the same sample"
    return "the training loss", "guessing"


def _near(seen: Figures) -> str:
    loss, guess = _words(seen)
    return f"{loss} {seen.loss:.3g} is close to {guess} ({seen.guess:.3g})"


_REASONS: Mapping[Flag, Callable[[Figures], str]] = {
    "collapsed": lambda seen: (
        f"collapsed: samples have {seen.spread or 0.0:.1%} of the spread of true ones, and {_near(seen)}"
    ),
    "one_sided": lambda seen: (
        f"one-sided: the critic pays {seen.critic or 0.0:.1%} of what it costs not to know, and the generator's "
        f"gradient is {seen.teaching or 0.0:.1g} in the mean: it is taught nothing"
    ),
    "not_learning": lambda seen: f"not learning: {_no_better(seen)}",
    "vanishing": lambda seen: (
        f"vanishing gradients: the first layer's gradient is {seen.fading or 0.0:.1g} times the last layer's, and "
        f"{_near(seen)}"
    ),
    "frozen": lambda seen: (
        f"frozen: a step changes no layer by more than {seen.update_ratio or 0.0:.1g} times its size, and {_near(seen)}"
    ),
    "slow": lambda seen: (
        f"too slow: all {seen.steps} steps together change no layer by more than {seen.way or 0.0:.2g} times its size, "
        f"and {_near(seen)}"
    ),
    "dead_units": lambda seen: (
        f"dead units: {seen.dead or HALF:.0%} of a layer's units answer nothing to any sample, and {_near(seen)}"
    ),
}


def _no_better(seen: Figures) -> str:
    loss, guess = _words(seen)
    return f"{loss} {seen.loss:.3g} is no better than {guess} ({seen.guess:.3g})"


def _violation(seen: Figures, memory: Memory, *, diverged: bool) -> float:
    """How far a point is beyond where training is stable: above 0 beyond it, below 0 on this side.

    It is in powers of ten, of the gradient above EXPLODES or of the loss above what is stable, whichever is more.
    It is cut off where NaN is, at 1: a model of it must not be bent by how large a number can become.
    """
    if not seen.finite:
        return MOST_VIOLATION
    gradient = math.log10(max(memory.most_grad_norm, 1e-3) / EXPLODES)
    loss = math.log10(max(memory.most_loss / seen.stable, 1e-3)) if seen.stable > 0 else -3.0
    size = max(gradient, loss)
    return min(max(size, LEAST_VIOLATION), MOST_VIOLATION) if diverged else min(size, 0.0)


def _metrics(seen: Figures, found: frozenset[Flag], memory: Memory, violation: float) -> dict[str, float]:
    own = {"distance": seen.loss, "spread": seen.spread} if seen.contest else _of_samples(seen, memory)
    told = {
        "guess": seen.guess,
        **own,
        "grad_norm": seen.grad_norm,
        "fading": seen.fading,
        "update_ratio": seen.update_ratio,
        "dead": seen.dead,
        "saturated": seen.saturated,
        "violation": violation,
    }
    known = {PREFIX + name: value for name, value in told.items() if value is not None}
    return known | {FLAG + flag: 1.0 for flag in sorted(found)}


def _of_samples(seen: Figures, memory: Memory) -> dict[str, float | None]:
    return {
        "train_loss": seen.loss,
        "gap": seen.gap,
        "overfitting": seen.generalisation_loss,
        "mislabelled": memory.mislabelled,
    }
