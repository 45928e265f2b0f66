"""scikit-learn's digits by a multi-layer perceptron: small, real, the same to the last bit from the same seed.

Parameters, all optional: `learning_rate`, `weight_decay`, `dropout`, `lambda` (of an L1 penalty on the weights),
`batch_size`, `hidden`, `layers`, `optimizer` (adamw or sgd), `momentum` (of sgd), `epochs`. It reports `val_loss` and
`val_accuracy` after each epoch, and can be stopped, paused and gone on with after any.
"""

import functools
from collections.abc import Mapping
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from trainers.api import Trial

DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 3e-3,
    "weight_decay": 1e-4,
    "dropout": 0.1,
    "lambda": 0.0,
    "batch_size": 64,
    "hidden": 64,
    "layers": 1,
    "optimizer": "adamw",
    "momentum": 0.9,
    "epochs": 20,
}
_VALIDATION = 360


def train(trial: Trial) -> dict[str, float]:
    """Train one network."""
    given = {name: value for name, value in {**trial.settings, **trial.params}.items() if name in DEFAULTS}
    if unknown := sorted(set(trial.params) - set(DEFAULTS)):
        trial.log(f"digits-mlp has no use for: {', '.join(unknown)}")
    chosen = {**DEFAULTS, **given}
    device = torch.device(trial.device)
    inputs, labels = (part.to(device) for part in _data())
    torch.manual_seed(trial.seed)
    model = _network(chosen).to(device)
    optimizer = _optimizer(model, chosen)
    last = 0
    if trial.resume is not None:
        kept = trial.resume.load()
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        last = kept["epoch"]
    epoch, figures = last, _evaluate(model, inputs[:_VALIDATION], labels[:_VALIDATION])
    trial.on_checkpoint(lambda: {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch})
    for epoch in range(last + 1, int(chosen["epochs"]) + 1):
        seed = trial.seed * 1_000_003 + epoch
        _epoch(model, optimizer, inputs[_VALIDATION:], labels[_VALIDATION:], chosen, seed=seed)
        figures = _evaluate(model, inputs[:_VALIDATION], labels[:_VALIDATION])
        trial.report(epoch, figures)
    return figures


@functools.cache
def _data() -> tuple[Tensor, Tensor]:
    """Shuffled once and for all, the first of them for validation."""
    digits = load_digits()
    order = torch.randperm(len(digits.target), generator=torch.Generator().manual_seed(0))
    return torch.tensor(digits.data, dtype=torch.float32)[order] / 16, torch.tensor(digits.target)[order]


def _network(chosen: Mapping[str, Any]) -> nn.Module:
    width = 64
    parts: list[nn.Module] = []
    for _ in range(int(chosen["layers"])):
        parts += [nn.Linear(width, int(chosen["hidden"])), nn.ReLU(), nn.Dropout(float(chosen["dropout"]))]
        width = int(chosen["hidden"])
    return nn.Sequential(*parts, nn.Linear(width, 10))


def _optimizer(model: nn.Module, chosen: Mapping[str, Any]) -> torch.optim.Optimizer:
    # Biases are not drawn to zero.
    groups = [
        {"params": [one for one in model.parameters() if one.ndim > 1], "weight_decay": float(chosen["weight_decay"])},
        {"params": [one for one in model.parameters() if one.ndim <= 1], "weight_decay": 0.0},
    ]
    rate = float(chosen["learning_rate"])
    match chosen["optimizer"]:
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate, fused=True)
        case "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=float(chosen["momentum"]))
        case other:
            raise ValueError(f"optimizer must be 'adamw' or 'sgd', not {other!r}")


def _epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    labels: Tensor,
    chosen: Mapping[str, Any],
    *,
    seed: int,
) -> None:
    # All chance of an epoch hangs on its own seed: whoever goes on from a checkpoint draws the same.
    torch.manual_seed(seed % 2**63)
    model.train()
    penalty = float(chosen["lambda"])
    weights = [one for one in model.parameters() if one.ndim > 1]
    order = torch.randperm(len(labels), device=inputs.device)
    for batch in torch.split(order, int(chosen["batch_size"])):
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(model(inputs[batch]), labels[batch])
        torch.autograd.backward(loss)
        if penalty:
            for weight in weights:
                assert weight.grad is not None
                weight.grad += penalty * weight.detach().sign()
        optimizer.step()


@torch.no_grad()
def _evaluate(model: nn.Module, inputs: Tensor, labels: Tensor) -> dict[str, float]:
    model.eval()
    logits = model(inputs)
    loss = nn.functional.cross_entropy(logits, labels)
    right = (logits.argmax(1) == labels).float().mean()
    return {"val_loss": float(loss), "val_accuracy": float(right)}
