"""scikit-learn's digits made anew by a DCGAN, and how far they are from true ones, as a small classifier sees them."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainers import adversarial, chosen, finish
from trainers.api import Trial, refits
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
_JUDGE = "frechet_distance"
_MADE = 1_000
_FEATURES = 32


@refits
def train(trial: Trial) -> dict[str, float]:
    """Train one generator."""
    given = chosen.read(DIMENSIONS, params=trial.params, settings=trial.settings, log=trial.log)
    model, device = MODELS["dcgan"], torch.device(trial.device)
    if trial.purpose == "refit":
        return finish.refit_generator(
            trial, given, model, "digits", lambda data, true: _score(data, true, device), judge=_JUDGE, made=_MADE
        )
    data = catalog.load("digits", given)
    score = _score(data, data.validation.inputs, device)
    apart = float(score(data.train.inputs.to(device))[_JUDGE])
    trial.log(f"other true digits are at a Frechet distance of {apart:.3f}")
    return adversarial.contend(trial, given, model, data, score, judge=_JUDGE, made=_MADE).figures


def _score(data: Data, true: Tensor, device: torch.device) -> adversarial.Score:
    """The distance to true pictures, by the features of a classifier that has learned from the data."""
    features = _classifier(data)[:-1].to(device)
    with torch.no_grad():
        wanted = features(true.to(device))
    return lambda images: {_JUDGE: frechet(features(images.float()), wanted)}


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
