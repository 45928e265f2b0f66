"""Soft orthogonality: kernels pay for not being at right angles to each other, and for not being of length 1."""

import torch
from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.space import real
from trainers.techniques.technique import Change, Taken, Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="soft_orthogonality",
    summary="dense and convolution kernels W, flattened, pay `orth_lambda` times ||W^T W - I||^2, of the fewer sides",
    paper="Bansal, Chen, Wang 2018: Can we gain more from orthogonality ...; Brock, Lim, Ritchie, Weston 2017",
    test="tests/unit/trainers/techniques/test_soft_orthogonality.py::test_kernels_come_to_right_angles",
    dimensions=(
        real("orth_lambda", 1e-6, 1e-2, log=True, default=0.0, summary="what kernels pay for not being orthonormal"),
    ),
)

_WITH_KERNELS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d)


def kernels(module: nn.Module) -> list[nn.Parameter]:
    """The weights of dense layers and convolutions. Those that are bound to be orthonormal are not among them."""
    layers = [one for one in module.modules() if isinstance(one, _WITH_KERNELS)]
    every = [each for one in layers for each in one.parameters(recurse=False) if each.requires_grad and each.ndim > 1]
    return list(dict.fromkeys(every))


def penalty(weight: Tensor) -> Tensor:
    """The sum of squares of what is between a kernel and an orthonormal one: rows, or columns if these are fewer."""
    return _apart(_fewer(weight)).square().sum()


def gradient(weight: Tensor) -> Tensor:
    """The gradient of the penalty: four times the kernel by what it is apart."""
    rows = _fewer(weight)
    found = 4 * _apart(rows) @ rows
    return (found if rows.shape == weight.flatten(1).shape else found.T).reshape(weight.shape)


def make(chosen: Chosen) -> Change | None:
    """What is to be done to gradients."""
    strength = chosen.real("orth_lambda")

    def change(taken: Taken) -> None:
        for one in taken.kernels:
            if one.grad is not None:
                one.grad.add_(gradient(one.detach()), alpha=strength)

    return change if strength else None


def _fewer(weight: Tensor) -> Tensor:
    flat = weight.flatten(1)
    return flat if flat.shape[0] <= flat.shape[1] else flat.T


def _apart(rows: Tensor) -> Tensor:
    return rows @ rows.T - torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
