"""Points on a ring by a GAN: eight modes, an exact distance to the truth, and a count of the modes that it found."""

from collections.abc import Mapping

import torch
from torch import Tensor

from trainers import adversarial, chosen
from trainers.api import Trial
from trainers.data import catalog, made
from trainers.distances import covered, energy
from trainers.models.catalog import MODELS
from trainers.proposal import arranged

DIMENSIONS = arranged(
    (*adversarial.DIMENSIONS, *catalog.dimensions("rings"), *MODELS["gan"].dimensions),
    defaults={
        "samples": 5_000,
        "epochs": 60,
        "optimizer": "adam",
        "beta1": 0.0,
        "critic_steps": 1,
        "ema_decay": 0.98,
        "learning_rate": 5e-3,
        "generator_rate": 2e-3,
        "gradient_penalty": 0.3,
        "latent": 2,
        "layers": 3,
    },
    searched={
        *("learning_rate", "generator_rate", "contest", "gradient_penalty", "critic_steps"),
        *("latent", "layers", "hidden", "batch_size"),
    },
)
_MADE = 1_000


def train(trial: Trial) -> dict[str, float]:
    """Train one generator."""
    given = chosen.read(DIMENSIONS, params=trial.params, settings=trial.settings, log=trial.log)
    data = catalog.load("rings", given)
    device = torch.device(trial.device)
    true, centres = data.validation.inputs.to(device), made.centres().float().to(device)

    def score(points: Tensor) -> Mapping[str, Tensor]:
        modes, good = covered(points, centres, given.real("data_noise"))
        return {"energy_distance": energy(points.float(), true), "modes": modes, "good_share": good}

    trial.log(f"other true samples are at an energy distance of {float(energy(data.train.inputs[:_MADE], true)):.4f}")
    return adversarial.contend(trial, given, MODELS["gan"], data, score, judge="energy_distance", made=_MADE).figures
