"""The loop: every training goes through it. A step is a list of phases; an epoch ends with a report.

Chance is a function of the trial's seed and the epoch alone, and all that outlives an epoch is in the checkpoint: a
training that was killed and goes on is the same to the last bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainers import pace
from trainers.api import Trial
from trainers.space import Dimension, real
from trainers.step import Step
from trainers.techniques import catalog
from trainers.techniques.regularization import weight_decay
from trainers.training import Batch, Training

DIMENSIONS: tuple[Dimension, ...] = (
    real("learning_rate", 1e-5, 1e-1, log=True, default=1e-3, above=True, summary="size of the steps"),
    *pace.DIMENSIONS,
    catalog.choice_of("optimizer", default="adamw"),
    *catalog.dimensions("optimizer"),
    *weight_decay.TECHNIQUE.dimensions,
    catalog.choice_of("schedule", default="constant"),
    *catalog.dimensions("schedule"),
)
"""What the loop itself reads of what was chosen: every trainer has these."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A training that came to its end."""

    epoch: int
    figures: dict[str, float]
    model: nn.Module


def fit(trial: Trial, training: Training) -> Finished:
    """Train to the last epoch that is wanted, and report after each."""
    chosen, model, samples = training.chosen, training.model, training.samples
    length = pace.of(chosen, len(samples), trial.horizon)
    step = Step(chosen, catalog.maker("schedule", chosen.text("schedule"))(chosen, length.total))
    first, figures = 0, dict[str, float]()
    if trial.resume is not None:
        first = _go_on(trial.resume.load(), training)
    epoch = first
    trial.on_checkpoint(lambda: _state(epoch, training))
    if epoch >= length.epochs:
        figures = _to_host(_judged(training))
    for epoch in range(first + 1, length.epochs + 1):
        chance = _seeded(trial, epoch, samples.inputs.device)
        model.train()
        losses = {phase.name: torch.zeros((), device=samples.inputs.device) for phase in training.phases}
        for number, places in enumerate(length.batches(chance.initial_seed()), (epoch - 1) * length.steps):
            batch = Batch(samples.inputs[places], samples.targets[places], chance)
            for phase in training.phases:
                if number % phase.every == 0:
                    losses[phase.name] += step.take(phase, model, batch, number) * len(batch)
        learned = {_named(training, name): total / len(samples) for name, total in losses.items()}
        figures = _to_host({**learned, **_judged(training)})
        trial.report(epoch, figures)
    return Finished(epoch, figures, model)


def _seeded(trial: Trial, epoch: int, device: torch.device) -> torch.Generator:
    """Seed all chance of an epoch: what models draw, and what is drawn for them."""
    seed = (trial.seed * 1_000_003 + epoch) % 2**63
    torch.manual_seed(seed)
    return torch.Generator(device).manual_seed(seed)


@torch.no_grad()
def _judged(training: Training) -> Mapping[str, Tensor]:
    training.model.eval()
    return training.evaluate(training.model)


def _to_host(figures: Mapping[str, Tensor]) -> dict[str, float]:
    """All figures of an epoch in one copy."""
    return dict(zip(figures, torch.stack([one.float() for one in figures.values()]).tolist(), strict=True))


def _named(training: Training, phase: str) -> str:
    return "train_loss" if len(training.phases) == 1 else f"{phase}_loss"


def _state(epoch: int, training: Training) -> dict[str, Any]:
    optimizers = {phase.name: phase.optimizer.state_dict() for phase in training.phases}
    return {"epoch": epoch, "model": training.model.state_dict(), "optimizers": optimizers}


def _go_on(kept: Mapping[str, Any], training: Training) -> int:
    training.model.load_state_dict(kept["model"])
    for phase in training.phases:
        phase.optimizer.load_state_dict(kept["optimizers"][phase.name])
    return int(kept["epoch"])
