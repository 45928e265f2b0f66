"""What one epoch showed, in numbers, and which diseases these are signs of: nothing here is a tensor.

Of a contest the loss is how far samples are from true ones, and to guess is to make one and the same sample each time.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from trainers.techniques.regularization.generalization_loss import percent_above

Flag = Literal[
    "diverged",
    "not_learning",
    "exploding",
    "vanishing",
    "frozen",
    "slow",
    "dead_units",
    "saturated",
    "memorised",
    "overfitting",
    "collapsed",
    "one_sided",
]

# Where the thresholds come from stands in docs/health.md.
FAR = 2.0
"""A mean loss of so many times what guessing costs is that of a training that comes apart."""
NO_BETTER = 0.98
EXPLODES, LEAPS = 1e3, 0.5
VANISHES, FAINT = 1e-3, 1e-4
STANDS_STILL = 1e-6
NEAR = 1 / 3
"""A network none of whose layers moves by more of its length than this in a whole training stays what it is."""
LEARNED = 0.85
"""A training that is below so many parts of what guessing costs does learn, whatever its units and gradients show."""
HALF = 0.5
GAP, STILL_COSTS = 10.0, 0.05
WORSE, APART = 20.0, 0.5
NARROW = 0.1
"""Samples whose spread is less than this part of the true ones' are all nearly the same."""
WON = 0.02
"""A critic that pays less than this part of what it costs not to know has nothing left to learn, or to teach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One epoch. What could not be measured is None; what is not finite was measured."""

    guess: float
    """What it costs to answer the same to every sample."""
    start: float
    """The training loss before the first step."""
    loss: float
    """Of the training samples, each by the network with which the epoch ends."""
    val_loss: float
    batch_loss: float
    """The epoch's mean of the loss as it was trained."""
    least_val_loss: float
    """Of all epochs so far."""
    grad_norm: float | None = None
    first_grad: float | None = None
    last_grad: float | None = None
    update_ratio: float | None = None
    steps: int | None = None
    """Of the whole training, where it is known how long that is."""
    dead: float | None = None
    saturated: float | None = None
    mislabelled: float | None = None
    spread: float | None = None
    """Of samples that are made, in parts of that of true ones. A contest has it, and nothing else."""
    critic: float | None = None
    """What the critic pays, in parts of what it costs not to know, where that is bounded below."""
    teaching: float | None = None
    """The root mean square of the gradient that the generator is taught by."""

    @property
    def contest(self) -> bool:
        """Whether it is a contest, whose loss is a distance."""
        return self.spread is not None

    @property
    def finite(self) -> bool:
        """Whether the training is still one of numbers."""
        told = (self.loss, self.val_loss, self.batch_loss, self.grad_norm)
        return all(math.isfinite(one) for one in told if one is not None)

    @property
    def stable(self) -> float:
        """A training that is stable costs no more than this: than guessing, or than its start if that was worse."""
        return FAR * (max(self.guess, self.start) if math.isfinite(self.start) else self.guess)

    @property
    def far(self) -> bool:
        """Whether its samples cost by far more, as it was trained, than they had to.

        The mean over the epoch tells it: a network that comes apart is often back at guessing when the epoch ends,
        with all of its units dead. And it is of the mode of training, where normalisation does not lag behind.
        """
        return self.batch_loss > self.stable

    @property
    def fading(self) -> float | None:
        """The first layer's gradient in parts of the last one's: small where it fades on its way back."""
        if self.first_grad is None or not self.last_grad:
            return None
        return self.first_grad / self.last_grad

    @property
    def way(self) -> float | None:
        """How far the layer that moves most comes in the whole training, in parts of its length, if all goes on so.

        Of a contest it says nothing: two that chase each other may come far by small steps.
        """
        return None if self.contest or not self.steps or self.update_ratio is None else self.steps * self.update_ratio

    @property
    def learns(self) -> bool:
        """Whether it has learned something that nobody can guess."""
        return self.loss < LEARNED * self.guess

    @property
    def gap(self) -> float:
        """By how many times the training loss the validation loss is greater."""
        return (self.val_loss - self.loss) / max(self.loss, 1e-3)

    @property
    def generalisation_loss(self) -> float:
        """By how many per cent the validation loss is above its least (Prechelt 1998: GL)."""
        return percent_above(self.val_loss, self.least_val_loss)


def flags(seen: Figures) -> frozenset[Flag]:
    """The diseases that an epoch shows signs of."""
    return frozenset(_signs(seen))


def _signs(seen: Figures) -> Iterator[Flag]:
    if not seen.finite or seen.far:
        yield "diverged"
    if not seen.finite:
        # Whatever else a network shows that is full of NaN is no sign of its own.
        return
    if seen.loss > NO_BETTER * seen.guess:
        yield "not_learning"
    yield from _signs_of_step(seen)
    yield from _signs_of_contest(seen)
    if seen.dead is not None and seen.dead > HALF:
        yield "dead_units"
    if seen.saturated is not None and seen.saturated > HALF:
        yield "saturated"
    if seen.gap > GAP and seen.val_loss > STILL_COSTS * seen.guess:
        yield "memorised"
    if seen.generalisation_loss > WORSE and seen.gap > APART:
        yield "overfitting"


def _signs_of_step(seen: Figures) -> Iterator[Flag]:
    if (seen.grad_norm or 0.0) > EXPLODES or (seen.update_ratio or 0.0) > LEAPS:
        yield "exploding"
    if seen.fading is not None and seen.fading < VANISHES and (seen.first_grad or 0.0) < FAINT:
        yield "vanishing"
    if seen.update_ratio is not None and seen.update_ratio < STANDS_STILL:
        yield "frozen"
    if seen.way is not None and seen.way < NEAR and not seen.learns:
        yield "slow"


def _signs_of_contest(seen: Figures) -> Iterator[Flag]:
    if seen.spread is not None and seen.spread < NARROW and not seen.learns:
        yield "collapsed"
    if seen.critic is not None and seen.critic < WON and (seen.teaching or 0.0) < FAINT:
        yield "one_sided"
