"""How far an optimizer goes for a gradient of 1: a proximal step must go as far, or it weighs something else."""

import torch
from torch import Tensor

from trainers.techniques.technique import Taken


def reach(taken: Taken, weight: Tensor) -> Tensor | float:
    """For each number of a weight, in the long run of a gradient that stays the same.

    With it the minimum of loss and penalty is where training stands still, whatever the optimizer (Yun, Lozano, Yang
    2021: Adaptive proximal gradient methods). Lion's steps have one size for all gradients: there is no such minimum.
    """
    state, group = taken.optimizer.state.get(weight, {}), taken.optimizer.param_groups[0]
    if "exp_avg_sq" in state:
        trusted = 1 - group["betas"][1] ** state["step"]
        squares = state["exp_avg_sq"] / trusted
    elif "square_avg" in state or "sum" in state:
        squares = state["square_avg"] if "square_avg" in state else state["sum"]
    else:
        return float(taken.rate / (1 - group.get("momentum", 0.0)))
    size: Tensor = squares.sqrt() + group["eps"]
    return taken.rate / size


def reaches(taken: Taken, strength: float) -> list[Tensor]:
    """The same for all weights, times the strength of a penalty."""
    found = [reach(taken, one) for one in taken.weights]
    # A number is made on the device: copied there, it would have to be waited for.
    return [
        (one if isinstance(one, Tensor) else torch.full((), one, device=weight.device)) * strength
        for one, weight in zip(found, taken.weights, strict=True)
    ]
