"""scikit-learn's digits made anew by a DCGAN, and how far they are from true ones, as a small classifier sees them."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainers import adversarial, chosen
from trainers.api import Trial
from trainers.data import catalog
from trainers.data.dataset import Data
from trainers.distances import frechet
from trainers.models.catalog import MODELS
from trainers.proposal import arranged

DIMENSIONS = arranged(
    (*adversarial.DIMENSIONS, *catalog.dimensions("digits"), *MODELS["dcgan"].dimensions),
    defaults={
        "epochs": 30,
        "batch_size": 32,
        "optimizer": "adam",
        "beta1": 0.0,
        "critic_steps": 1,
        "ema_decay": 0.98,
        "gradient_penalty": 10.0,
        "learning_rate": 1e-3,
        "generator_rate": 1e-3,
        "width": 16,
    },
    searched={
        *("learning_rate", "generator_rate", "contest", "gradient_penalty", "critic_steps"),
        *("latent", "width", "batch_size"),
    },
)
_MADE = 1_000
_FEATURES = 32


def train(trial: Trial) -> dict[str, float]:
    """Train one generator."""
    given = chosen.read(DIMENSIONS, params=trial.params, settings=trial.settings, log=trial.log)
    data = catalog.load("digits", given)
    device = torch.device(trial.device)
    features = _classifier(data)[:-1].to(device)
    with torch.no_grad():
        true, others = (features(part.inputs.to(device)) for part in (data.validation, data.train))
    trial.log(f"other true digits are at a Frechet distance of {float(frechet(others, true)):.3f}")

    def score(images: Tensor) -> Mapping[str, Tensor]:
        return {"frechet_distance": frechet(features(images.float()), true)}

    return adversarial.contend(trial, given, MODELS["dcgan"], data, score, judge="frechet_distance", made=_MADE).figures


def _classifier(data: Data) -> nn.Sequential:
    """A classifier of the true ones. It is the same for all trials of a study: trained on the CPU, from one seed."""
    images, labels = data.train.inputs.cpu(), data.train.targets.cpu()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(images.shape[1], 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * (images.shape[2] // 4) * (images.shape[3] // 4), _FEATURES),
            nn.ReLU(),
            nn.Linear(_FEATURES, data.outputs),
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
        for _ in range(10):
            for places in torch.split(torch.randperm(len(labels)), 64):
                optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(functional.cross_entropy(model(images[places]), labels[places]))
                optimizer.step()
    return model.eval().requires_grad_(False)
