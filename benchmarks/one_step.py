"""A trainer that does one step of an optimiser and tells when it was done; as a program, the same in a fresh Python."""

import time
from typing import Any

import torch
from torch import nn


def step() -> tuple[float, float]:
    """One step of a small network; answers its loss, and the moment in seconds since 1970."""
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003, fused=True)
    loss = nn.functional.cross_entropy(model(torch.randn(64, 64)), torch.randint(10, (64,)))
    torch.autograd.backward(loss)
    optimizer.step()
    return float(loss), time.time_ns() / 1e9


def train(trial: Any) -> None:
    """One trial: a step, and its report."""
    loss, moment = step()
    trial.report(1, {"loss": loss, "moment": moment})


if __name__ == "__main__":
    print(step()[1])
