"""The last training of a study: the winner on all data but the sealed part, which is then looked at, once.

Nothing else in the trainers reaches for the sealed part. What is left behind is the model, as files.
"""

from pathlib import Path

import torch
from torch import nn

from trainers import artifact, measures, supervised
from trainers.api import Failed, Trial
from trainers.chosen import Chosen
from trainers.data import catalog
from trainers.models.model import Model
from trainers.techniques.regularization import generalization_loss, patience, progress_quotient
from trainers.training import resident

_EARLY = (patience.TECHNIQUE, generalization_loss.TECHNIQUE, progress_quotient.TECHNIQUE)
"""Rules that need a part of the data to be judged by: at the end there is none."""


def refit(trial: Trial, chosen: Chosen, model: Model, name: str) -> dict[str, float]:
    """Train on everything for as long as the winner was trained, test, and keep the model as the last checkpoint."""
    if trial.resume is not None and isinstance(trial.resume.load(), Path):
        # The model stands, and so does what was reported of it: only the end was not heard of.
        return {}
    everything = catalog.unsealed(name, chosen)
    if "cv_folds" in chosen.values and chosen.whole("cv_folds") > 1:
        # The winner's steps were folds: each of them was as long as it was chosen to be.
        trial.steps = None
    finished = supervised.learn(trial, _to_the_end(chosen), model, everything.data, judged="seen")
    figures = tested(trial, finished.model, everything)
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
def tested(trial: Trial, network: nn.Module, everything: catalog.Unsealed) -> dict[str, float]:
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
