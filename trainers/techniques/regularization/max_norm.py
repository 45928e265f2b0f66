"""Max-norm: the weights into a unit are kept within a ball."""

import torch

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Change, Taken, Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="max_norm",
    summary="the weights into each unit are scaled down to this length after a step where they are longer",
    paper="Srebro, Shraibman 2005: Rank, trace-norm and max-norm; for networks Srivastava et al. 2014: Dropout",
    test="tests/unit/trainers/techniques/test_penalties.py::test_max_norm_holds_each_unit",
    dimensions=(real("max_norm", 0.5, 4.0, log=True, default=0.0, summary="longest that weights of a unit may be"),),
)


def make(chosen: Chosen) -> Change | None:
    """What is to be done to weights after a step."""
    longest = chosen.real("max_norm")

    @torch.no_grad()
    def change(taken: Taken) -> None:
        for weight in taken.weights:
            rows = weight.flatten(1)
            rows.mul_((longest / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)).clamp(max=1.0))

    return change if longest else None
