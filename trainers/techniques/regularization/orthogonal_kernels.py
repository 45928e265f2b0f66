"""Orthogonal kernels: the flattened kernels of a layer stay at right angles to each other throughout training.

torch's own parametrization takes kernels of shape (out, in, 3, 3) as a heap of 3x3 matrices, and makes each of those
orthogonal, which is another thing. Here each kernel is a row. It constrains weights and does not save any.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from trainers.chosen import Chosen
from trainers.space import choice
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="orthogonal_kernels",
    summary="the flattened kernels of convolutions stay orthonormal, as rows or as columns, whichever are fewer",
    paper="Bansal, Chen, Wang 2018: Can we gain more from orthogonality regularizations in training deep networks?",
    test="tests/unit/trainers/techniques/test_orthogonal_kernels.py::test_kernels_stay_orthonormal_while_training",
    dimensions=(
        choice(
            "orthogonal_kernels",
            False,
            True,
            default=False,
            summary="whether kernels of convolutions stay at right angles",
            searched=False,
        ),
    ),
)


class Orthonormal(nn.Module):
    """The nearest thing to a weight whose flattened kernels are orthonormal, by a QR decomposition."""

    def forward(self, weight: Tensor) -> Tensor:
        """Rows are orthonormal, or columns where there are fewer of them."""
        rows = weight.flatten(1)
        wide = rows.shape[0] <= rows.shape[1]
        factor, triangle = torch.linalg.qr(rows.T if wide else rows)
        # A decomposition is unique only up to signs: those of the triangle's diagonal are taken as positive.
        factor = factor * torch.where(triangle.diagonal() < 0, -1.0, 1.0).to(factor.dtype)
        made: Tensor = factor.T if wide else factor
        return made.reshape(weight.shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Where to begin from."""
        return weight


def make(chosen: Chosen, model: nn.Module) -> None:
    """Binds the convolutions of a model, where that was chosen."""
    if "orthogonal_kernels" in chosen.dimensions and chosen.flag("orthogonal_kernels"):
        for module in list(model.modules()):
            if isinstance(module, nn.Conv2d):
                parametrize.register_parametrization(module, "weight", Orthonormal())
