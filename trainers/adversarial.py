"""Learning by a contest: a critic learns to tell made samples from true ones, and a generator to have it err."""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainers import loop
from trainers.api import Trial
from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.health.contest import ContestWatch
from trainers.health.watch import DIMENSIONS as WATCHED
from trainers.loop import Finished, fit
from trainers.models.gan import Adversaries
from trainers.models.model import Model
from trainers.space import Dimension, choice, real, whole
from trainers.supervised import phase
from trainers.techniques.optimizer import schedule_free
from trainers.training import Batch, Training, resident

DIMENSIONS: tuple[Dimension, ...] = (
    *loop.DIMENSIONS,
    choice(
        "contest",
        "wgan_gp",
        "non_saturating",
        default="wgan_gp",
        summary="by how far apart both are (Wasserstein, penalised), or by the probability of being true",
    ),
    real("generator_rate", 1e-5, 1e-2, log=True, default=1e-3, above=True, summary="learning rate of the generator"),
    real(
        "gradient_penalty",
        1e-1,
        1e2,
        log=True,
        default=1.0,
        summary="how hard the critic is held to a slope of 1 (Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville 2017)",
        when={"contest": "wgan_gp"},
    ),
    whole("critic_steps", 1, 5, default=2, summary="steps of the critic for each of the generator"),
    *WATCHED,
)
"""What is read of what was chosen. `learning_rate` is the critic's."""

Score = Callable[[Tensor], Mapping[str, Tensor]]
"""Judges samples that were made; the first figure is to become small."""


_INDIFFERENT = 2 * math.log(2)
"""What a critic pays that gives every sample the probability of a half."""


def contend(
    trial: Trial, chosen: Chosen, model: Model, data: Data, score: Score, *, judge: str, made: int, called: str = ""
) -> Finished:
    """Train both by turns: the critic, then the generator. So many samples are made each time they are judged.

    Figures of the score have their own names, `judge` among them, behind what they are `called`.
    """
    trial.trains_on(data.fingerprint)
    chosen = schedule_free.alone(chosen)
    device = torch.device(trial.device)
    torch.manual_seed(trial.seed)
    both = model.build(data.shape, data.outputs, chosen).to(device)
    assert isinstance(both, Adversaries)
    critic = phase("critic", both.critic, critic_loss(chosen), chosen)
    every = chosen.whole("critic_steps")
    generator = phase("generator", both.generator, generator_loss(chosen), chosen, rate="generator_rate", every=every)
    chance = _chance(both, made, device)
    training = Training(
        chosen=chosen,
        device=device,
        model=both,
        phases=(critic, generator),
        samples=resident(data.train, device),
        evaluate=lambda network: {f"{called}{name}": one for name, one in score(network(chance)).items()},
        judge=f"{called}{judge}",
    )
    watch = ContestWatch(
        both,
        {"generator": both.generator, "critic": both.critic},
        chance,
        resident(data.validation, device).inputs,
        lambda samples: score(samples)[judge],
        judge=training.judge,
        indifferent=_INDIFFERENT if _contest(chosen) == "non_saturating" else None,
        stops=chosen.flag("health"),
    )
    return fit(trial, training, watch)


def sampled(network: nn.Module, count: int, device: torch.device) -> Tensor:
    """Samples of a network, of the same chance each time and on every device."""
    made: Tensor = network(_chance(_both(network), count, device))
    return made


def _chance(both: Adversaries, count: int, device: torch.device) -> Tensor:
    return both.chance(count, torch.Generator().manual_seed(0)).to(device)


def critic_loss(chosen: Chosen) -> Callable[[nn.Module, Batch], Tensor]:
    """What the critic makes small."""
    penalty = chosen.real("gradient_penalty")
    contest = _contest(chosen)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        both = _both(model)
        with torch.no_grad():
            false = both(both.chance(len(batch), batch.generator))
        on_true, on_false = both.critic(batch.inputs).float(), both.critic(false).float()
        if contest == "non_saturating":
            return functional.softplus(-on_true).mean() + functional.softplus(on_false).mean()
        apart: Tensor = on_false.mean() - on_true.mean()
        return apart + penalty * steepness(both.critic, batch.inputs, false, batch.generator)

    return loss


def generator_loss(chosen: Chosen) -> Callable[[nn.Module, Batch], Tensor]:
    """What the generator makes small."""
    contest = _contest(chosen)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        both = _both(model)
        taken_for: Tensor = both.critic(both(both.chance(len(batch), batch.generator))).float()
        if contest == "non_saturating":
            return functional.softplus(-taken_for).mean()
        return -taken_for.mean()

    return loss


def steepness(critic: nn.Module, true: Tensor, false: Tensor, generator: torch.Generator) -> Tensor:
    """How far the slope of a critic is from 1 between true and false samples: the mean square."""
    shape = (len(true), *[1] * (true.ndim - 1))
    share = torch.rand(shape, generator=generator, device=true.device, dtype=true.dtype)
    between = torch.lerp(false.to(true.dtype), true, share).requires_grad_()
    (slopes,) = torch.autograd.grad(critic(between).float().sum(), between, create_graph=True)
    # The root has no slope of its own at 0.
    sizes: Tensor = (slopes.flatten(1).square().sum(1) + 1e-12).sqrt()
    return (sizes - 1).square().mean()


def _contest(chosen: Chosen) -> Literal["wgan_gp", "non_saturating"]:
    return "wgan_gp" if chosen.text("contest") == "wgan_gp" else "non_saturating"


def _both(model: nn.Module) -> Adversaries:
    assert isinstance(model, Adversaries)
    return model
