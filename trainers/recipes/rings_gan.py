"""Points on a ring by a GAN: eight modes, an exact distance to the truth, and a count of the modes that it found."""

from collections.abc import Mapping

import torch
from torch import Tensor

from trainers import adversarial, chosen, finish
from trainers.api import Trial, refits
from trainers.chosen import Chosen
from trainers.data import catalog, made
from trainers.data.dataset import Data
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
_JUDGE = "energy_distance"
_MADE = 1_000


@refits
def train(trial: Trial) -> dict[str, float]:
    """Train one generator."""
    given = chosen.read(DIMENSIONS, params=trial.params, settings=trial.settings, log=trial.log)
    model, device = MODELS["gan"], torch.device(trial.device)
    if trial.purpose == "refit":
        return finish.refit_generator(
            trial, given, model, "rings", lambda _, true: _score(given, true, device), judge=_JUDGE, made=_MADE
        )
    data = catalog.load("rings", given)
    score = _score(given, data.validation.inputs, device)
    _tell(trial, data)
    return adversarial.contend(trial, given, model, data, score, judge=_JUDGE, made=_MADE).figures


def _score(given: Chosen, true: Tensor, device: torch.device) -> adversarial.Score:
    true, centres = true.to(device), made.centres().float().to(device)

    def score(points: Tensor) -> Mapping[str, Tensor]:
        modes, good = covered(points, centres, given.real("data_noise"))
        return {_JUDGE: energy(points.float(), true), "modes": modes, "good_share": good}

    return score


def _tell(trial: Trial, data: Data) -> None:
    apart = float(energy(data.train.inputs[:_MADE], data.validation.inputs))
    trial.log(f"other true samples are at an energy distance of {apart:.4f}")
