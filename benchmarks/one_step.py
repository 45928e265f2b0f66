"""A trainer that does one step of an optimiser and tells when it was done; as a program, the same in a fresh Python.

On a GPU it tells as well how long CUDA took to begin.
"""

import sys
import time
from typing import Any

import torch
from torch import nn


def step(device: str) -> dict[str, float]:
    """One step of a small network: its loss, the moment in seconds since 1970, and the seconds of CUDA's start."""
    begun = time.perf_counter()
    torch.zeros((), device=device)
    began = time.perf_counter() - begun
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003, fused=True)
    inputs, labels = torch.randn(64, 64, device=device), torch.randint(10, (64,), device=device)
    loss = nn.functional.cross_entropy(model(inputs), labels)
    torch.autograd.backward(loss)
    optimizer.step()
    # What was asked of a GPU is not done yet.
    next(model.parameters()).sum().item()
    return {"loss": float(loss), "moment": time.time_ns() / 1e9, "began": began}


def train(trial: Any) -> None:
    """One trial: a step, and its report."""
    trial.report(1, step(trial.device))


if __name__ == "__main__":
    print(step(*sys.argv[1:])["moment"])
