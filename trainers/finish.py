"""The last training of a study: the winner on all data but the sealed part, which is then looked at, once.

Nothing else in the trainers reaches for the sealed part. What is left behind is the model, as files.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from trainers import adversarial, artifact, measures, supervised
from trainers.adversarial import Score
from trainers.api import Failed, Trial
from trainers.chosen import Chosen
from trainers.data import catalog
from trainers.data.catalog import Unsealed
from trainers.data.dataset import Data
from trainers.loop import Finished
from trainers.models.model import Model
from trainers.techniques.regularization import generalization_loss, patience, progress_quotient
from trainers.training import resident

_EARLY = (patience.TECHNIQUE, generalization_loss.TECHNIQUE, progress_quotient.TECHNIQUE)
"""Rules that need a part of the data to be judged by: at the end there is none."""


def refit(trial: Trial, chosen: Chosen, model: Model, name: str) -> dict[str, float]:
    """Train on everything for as long as the winner was trained, test, and keep the model as the last checkpoint."""

    def learn(given: Chosen, data: Data) -> Finished:
        return supervised.learn(trial, given, model, data, judged="seen")

    return _kept(trial, chosen, model, name, learn, lambda network, everything: tested(trial, network, everything))


def refit_generator(
    trial: Trial,
    chosen: Chosen,
    model: Model,
    name: str,
    scored: Callable[[Data, Tensor], Score],
    *,
    judge: str,
    made: int,
) -> dict[str, float]:
    """The same of a contest: as many steps with everything as true, and then the score by the sealed part as true.

    `scored` makes a score of what is learned from and of the samples that are taken for true.
    """

    def learn(given: Chosen, data: Data) -> Finished:
        score = scored(data, data.validation.inputs)
        return adversarial.contend(trial, given, model, data, score, judge=judge, made=made, called="seen_")

    def test(network: nn.Module, everything: Unsealed) -> dict[str, float]:
        score = scored(everything.data, everything.test.inputs)
        with torch.no_grad():
            samples = adversarial.sampled(network.eval(), made, torch.device(trial.device))
            return {f"test_{name}": float(value) for name, value in score(samples).items()}

    return _kept(trial, chosen, model, name, learn, test)


def _kept(
    trial: Trial,
    chosen: Chosen,
    model: Model,
    name: str,
    learn: Callable[[Chosen, Data], Finished],
    test: Callable[[nn.Module, Unsealed], dict[str, float]],
) -> dict[str, float]:
    if trial.resume is not None and isinstance(trial.resume.load(), Path):
        # The model stands, and so does what was reported of it: only the end was not heard of.
        return {}
    everything = catalog.unsealed(name, chosen)
    if "cv_folds" in chosen.values and chosen.whole("cv_folds") > 1:
        # The winner's steps were folds: each of them was as long as it was chosen to be.
        trial.steps = None
    finished = learn(_to_the_end(chosen), everything.data)
    figures = test(finished.model, everything)
    parameters = sum(one.numel() for one in finished.model.parameters())
    step = finished.epoch + 1
    folder = Path(trial.folder) / "model"
    artifact.write(folder, finished.model, model, chosen, trial, everything, figures)
    # It becomes known together with what the test said: neither is there without the other.
    if trial.checkpoint(folder, step=step) is None:
        raise Failed("infra", "there is no room for the model on the worker's disk")
    trial.report(step, {**figures, "parameters": float(parameters)})
    return figures


@torch.no_grad()
def tested(trial: Trial, network: nn.Module, everything: Unsealed) -> dict[str, float]:
    """What a model is worth on the sealed part."""
    device = torch.device(trial.device)
    network.eval()
    judge = measures.evaluator(everything.data.task, resident(everything.test, device), device, "test")
    return {name: float(value) for name, value in judge(network).items()}


def _to_the_end(chosen: Chosen) -> Chosen:
    """What was chosen, without the rules that end a training early."""
    early = {one.name for technique in _EARLY for one in technique.dimensions}
    given = {name: chosen.values[name] for name in chosen.given if name not in early}
    return Chosen(chosen.dimensions.values(), given)
