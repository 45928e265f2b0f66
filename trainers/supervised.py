"""Learning from samples with targets: a model, data and a loss made into a training for the loop."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from trainers import loop, measures
from trainers.api import Trial
from trainers.chosen import Chosen
from trainers.data.dataset import Data, Part
from trainers.health import watch
from trainers.loop import Finished, fit
from trainers.models import building
from trainers.models.model import Model
from trainers.space import Dimension, Scalar
from trainers.techniques import catalog, preparing
from trainers.techniques.optimizer import schedule_free
from trainers.techniques.precision import int8
from trainers.techniques.regularization import label_noise, weight_decay
from trainers.training import Batch, Phase, Training, resident

CLASSES = ("cross_entropy", "focal", "hinge", "kl", "bce", "mse")
NUMBERS = ("mse", "mae", "huber")
BY_TASK = "auto"
"""The loss of a trainer for both: cross-entropy of classes, the mean square of numbers."""

Criterion = Callable[[Tensor, Tensor], Tensor]


def dimensions(*losses: str, default: Scalar = None) -> tuple[Dimension, ...]:
    """What can be chosen of learning with one of these losses: the first of them, or another default."""
    return (
        *loop.DIMENSIONS,
        catalog.choice_of("loss", *losses, default=default or losses[0], searched=False),
        *catalog.dimensions("loss", *losses),
        *preparing.TARGETS,
        *building.DIMENSIONS,
        *watch.DIMENSIONS,
        *int8.TECHNIQUE.dimensions,
    )


def learn(trial: Trial, chosen: Chosen, model: Model, data: Data, *, judged: str = "val") -> Finished:
    """Train a model on data as it was chosen. Figures of what judges it are called `val_...`, or otherwise."""
    trial.trains_on(data.fingerprint)
    device = torch.device(trial.device)
    training, watching = prepared(chosen, model, data, seed=trial.seed, device=device, judged=judged)
    finished = fit(trial, training, watching)
    if chosen.flag("int8"):
        _report_int8(trial, finished, training)
    return finished


def prepared(
    chosen: Chosen, model: Model, data: Data, *, seed: int, device: torch.device, judged: str = "val"
) -> tuple[Training, watch.Watch]:
    """A training as the loop takes it, with fresh weights, and what watches its health."""
    chosen = schedule_free.alone(chosen)
    samples, validation = resident(data.train, device), resident(data.validation, device)
    data = label_noise.make(chosen, replace(data, train=samples, validation=validation))
    torch.manual_seed(seed)
    network = building.built(model, data, chosen).to(device)
    criterion: Criterion = catalog.maker("loss", _loss_of(chosen, data))(chosen, data)
    judge = measures.evaluator(data.task, validation, device, judged)
    training = Training(
        chosen=chosen,
        device=device,
        model=network,
        phases=(phase("learn", network, _loss(criterion), chosen),),
        samples=data.train,
        evaluate=judge,
        judge=f"{judged}_loss",
        prepare=preparing.make(chosen, data),
        renew=lambda average: update_bn(_pieces(samples, device), average),
    )
    return training, watch.Watch(network, criterion, data.train, validation, stops=chosen.flag("health"))


def phase(
    name: str,
    module: nn.Module,
    loss: Callable[[nn.Module, Batch], Tensor],
    chosen: Chosen,
    *,
    rate: str = "learning_rate",
    every: int = 1,
) -> Phase:
    """A phase with the optimizer that was chosen, at the learning rate that the dimension of that name has."""
    size = chosen.real(rate)
    groups = weight_decay.groups(module, chosen.real("weight_decay"))
    optimizer = catalog.maker("optimizer", chosen.text("optimizer"))(groups, size, chosen)
    return Phase(name, module, loss, optimizer, size, every)


def _loss_of(chosen: Chosen, data: Data) -> str:
    name = chosen.text("loss")
    if name != BY_TASK:
        return name
    return "mse" if data.task == "regression" else "cross_entropy"


def _loss(criterion: Criterion) -> Callable[[nn.Module, Batch], Tensor]:
    # In half precision the loss itself would be too coarse.
    return lambda model, batch: criterion(model(batch.inputs).float(), batch.targets)


def _pieces(part: Part, device: torch.device) -> Iterator[Tensor]:
    """All inputs, a few thousand at a time, as a model takes them."""
    return (part.taken(one.to(device)) for one in torch.split(part.inputs, measures.BATCH))


@torch.no_grad()
def _report_int8(trial: Trial, finished: Finished, training: Training) -> None:
    """What the finished model is worth in eight bits: in the log, beside what it is worth as it is."""
    rounded = int8.quantized(finished.model, next(_pieces(training.samples, training.device)))
    for name, value in training.evaluate(rounded).items():
        trial.log(f"int8: {name} {float(value):.6g}, of {finished.figures[name]:.6g} in full precision")
