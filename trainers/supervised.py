"""Learning from samples with targets: a model, data and a loss made into a training for the loop."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainers import measures
from trainers.api import Trial
from trainers.chosen import Chosen
from trainers.data.dataset import Data, Part
from trainers.loop import Finished, fit
from trainers.models.model import Model
from trainers.techniques import catalog
from trainers.techniques.regularization import weight_decay
from trainers.training import Batch, Phase, Training


def learn(trial: Trial, chosen: Chosen, model: Model, data: Data) -> Finished:
    """Train a model on data as it was chosen."""
    device = torch.device(trial.device)
    torch.manual_seed(trial.seed)
    network = model.build(data.shape, data.outputs, chosen).to(device)
    validation = _on(device, data.validation)
    training = Training(
        chosen=chosen,
        model=network,
        phases=(phase("learn", network, _loss(data), chosen),),
        samples=_on(device, data.train),
        evaluate=measures.evaluator(data, validation),
    )
    return fit(trial, training)


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


def _loss(data: Data) -> Callable[[nn.Module, Batch], Tensor]:
    functional = torch.nn.functional
    criterion = functional.mse_loss if data.task == "regression" else functional.cross_entropy

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        found: Tensor = criterion(model(batch.inputs), batch.targets)
        return found

    return loss


def _on(device: torch.device, part: Part) -> Part:
    return Part(part.inputs.to(device), part.targets.to(device))
