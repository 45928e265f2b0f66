"""The loop: every training goes through it. A step is a list of phases; an epoch ends with a report.

Chance is a function of the trial's seed and the epoch alone, and all that outlives an epoch is in the checkpoint: a
training that was killed and goes on is the same to the last bit.
"""

from collections.abc import Container, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainers import pace
from trainers.api import Failed, Trial
from trainers.chosen import Chosen
from trainers.health.contest import ContestWatch
from trainers.health.step import without_skipped
from trainers.health.watch import SEEN, Watch
from trainers.space import BadParameter, Dimension, real
from trainers.step import Step
from trainers.stopping import Stopping
from trainers.techniques import catalog
from trainers.techniques.averaging import ema, swa
from trainers.techniques.gradient import accumulation
from trainers.techniques.optimizer import schedule_free
from trainers.techniques.schedule import warm_up
from trainers.techniques.schedule.plateau import Plateau
from trainers.techniques.technique import Average, Stateful
from trainers.training import Training

_REGULARIZATION = (
    *("weight_decay", "l1", "l2", "elastic_net", "max_norm", "soft_orthogonality"),
    *("patience", "generalization_loss", "progress_quotient"),
)
_SCHEDULED = [one for one in catalog.values("optimizer") if one != schedule_free.NAME]
DIMENSIONS: tuple[Dimension, ...] = (
    real("learning_rate", 1e-5, 1e-1, log=True, default=1e-3, above=True, summary="size of the steps"),
    *pace.DIMENSIONS,
    catalog.choice_of("optimizer", default="adamw"),
    *catalog.dimensions("optimizer"),
    catalog.choice_of("schedule", default="constant", when={"optimizer": _SCHEDULED}),
    *catalog.dimensions("schedule"),
    *catalog.dimensions("regularization", *_REGULARIZATION),
    *catalog.dimensions("gradient"),
    *catalog.dimensions("averaging"),
    catalog.choice_of("precision", default="fp32", searched=False),
)
"""What the loop itself reads of what was chosen: every trainer has these."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A training that came to its end: its last epoch, or its best one where early stopping was asked for."""

    epoch: int
    figures: dict[str, float]
    model: nn.Module
    """What was judged: the model, or an average of it."""


def fit(trial: Trial, training: Training, watch: Watch | ContestWatch | None = None) -> Finished:
    """Train to the last epoch that is wanted, and report after each."""
    refuse_clashes(training.chosen, trial.params)
    _repeat(training.device)
    run = _Run(trial, training, watch)
    if trial.resume is not None:
        run.go_on(trial.resume.load())
    trial.on_checkpoint(run.state)
    # Another run of a trial may be told how far to come: the schedule is that of the whole way all the same.
    last = run.length.epochs if trial.steps is None else min(trial.steps, run.length.epochs)
    while run.epoch < last and run.stopping.why is None:
        run.epoch += 1
        losses = run.learn()
        end = run.judge(losses)
        trial.report(run.epoch, run.figures)
        if end is not None:
            raise end
    if run.stopping.why is not None:
        trial.log(f"ended after epoch {run.epoch}: {run.stopping.why}")
    return run.finished()


def _repeat(device: torch.device) -> None:
    """Have a GPU come to the same each time: else cuDNN adds up some gradients in whatever order they arrive."""
    if device.type == "cuda":
        torch.backends.cudnn.deterministic = True


def refuse_clashes(chosen: Chosen, searched: Container[str]) -> None:
    """Refuse what cannot be used together. If a search chose a part of it, it learns that there is nothing here."""
    for why, names in catalog.clashes(chosen.values):
        if any(name in searched for name in names):
            raise Failed("infeasible", why)
        raise BadParameter(names[0], f"cannot be so: {why}")


class _Run:
    """One training under way."""

    def __init__(self, trial: Trial, training: Training, watch: Watch | ContestWatch | None) -> None:
        chosen, model = training.chosen, training.model
        self.epoch = 0
        self.figures: dict[str, float] = {}
        self.length = pace.of(chosen, len(training.samples), trial.horizon)
        self.stopping = Stopping(chosen)
        self._seed = trial.seed
        self._training = training
        self._watch = watch
        self._schedule = catalog.maker("schedule", chosen.text("schedule"))(chosen, self.length.total)
        self._step = Step(chosen, warm_up.make(chosen, self.length.total, self._schedule), training.device)
        self._pieces = accumulation.make(chosen)
        self._average: Average | None = (
            ema.make(chosen, model)
            or swa.make(chosen, model, self.length.longest)
            or schedule_free.averaged(model, (phase.optimizer for phase in training.phases))
        )

    def learn(self) -> dict[str, Tensor]:
        """The steps of an epoch; answers the mean loss of each phase, on the device."""
        training, model = self._training, self._training.model
        chance = self._chance()
        samples = training.samples
        batches = self.length.batches(chance.initial_seed(), samples.inputs.device, pinned=samples.beside)
        before = (self.epoch - 1) * self.length.steps
        sums = [torch.zeros((), device=training.device) for _ in training.phases]
        counts = [0] * len(sums)
        model.train()
        for number, places in enumerate(batches, before):
            pieces = [training.batch(part, chance) for part in self._pieces(places)]
            for place, phase in enumerate(training.phases):
                if number % phase.every == 0:
                    # The last step of an epoch is looked at.
                    last = number + phase.every >= before + len(batches)
                    watched = self._watch.step if self._watch is not None and last else None
                    loss = self._step.take(phase, model, pieces, number, watched)
                    sums[place].add_(loss, alpha=len(places))
                    counts[place] += len(places)
            if self._average is not None:
                self._average.step(model)
        if self._average is not None:
            self._average.epoch(model, self.epoch)
        names = [f"{phase.name}_loss" for phase in training.phases] if len(sums) > 1 else ["train_loss"]
        return {name: total / max(count, 1) for name, total, count in zip(names, sums, counts, strict=True)}

    @torch.no_grad()
    def judge(self, losses: Mapping[str, Tensor]) -> BaseException | None:
        """Judge the model, and take all figures of the epoch to the host at once; answers what ends the training."""
        watch, model = self._watch, self._judged()
        model.eval()
        with nullcontext() if watch is None else watch.evaluation():
            found = {**losses, **self._training.evaluate(model)}
        host = _to_host(found if watch is None else {**found, **watch.look()})
        if self._step.scaler is not None:
            host = without_skipped(host)
        self.figures = {name: value for name, value in host.items() if not name.startswith(SEEN)}
        learned, judged = next(iter(host.values())), host[self._training.judge]
        end: BaseException | None = None
        if watch is not None:
            pace = self.length
            finding = watch.judge(host, batch_loss=learned, steps=self.epoch * pace.steps, total=pace.total)
            self.figures |= finding.metrics
            end = finding.end
        self.stopping.see(self.epoch, self.figures, learned, judged, model)
        if isinstance(self._schedule, Plateau):
            self._schedule.see(judged)
        return end

    def finished(self) -> Finished:
        """What the training came to."""
        model, best = self._judged(), self.stopping.best
        if best is None:
            return Finished(self.epoch, self.figures, model)
        model.load_state_dict(best.weights)
        return Finished(best.epoch, best.figures, model)

    def state(self) -> dict[str, Any]:
        """All that outlives an epoch."""
        return {
            "epoch": self.epoch,
            "figures": self.figures,
            "watch": None if self._watch is None else self._watch.state(),
            **{name: one.state_dict() for name, one in self._remembering().items()},
        }

    def go_on(self, kept: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.epoch, self.figures = int(kept["epoch"]), dict(kept["figures"])
        if self._watch is not None:
            self._watch.restore(kept["watch"])
        for name, one in self._remembering().items():
            one.load_state_dict(kept[name])

    def _remembering(self) -> dict[str, Stateful]:
        parts: dict[str, Any] = {
            "model": self._training.model,
            "stopping": self.stopping,
            "average": self._average,
            "scaler": self._step.scaler,
            "schedule": self._schedule if isinstance(self._schedule, Plateau) else None,
            **{f"optimizer.{phase.name}": phase.optimizer for phase in self._training.phases},
        }
        return {name: one for name, one in parts.items() if one is not None}

    def _chance(self) -> torch.Generator:
        """Seed all chance of an epoch: what models draw, and what is drawn for them."""
        seed = (self._seed * 1_000_003 + self.epoch) % 2**63
        device = self._training.device
        # torch.manual_seed does the same for every kind of device there is, which takes longer than a step.
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            torch.cuda.manual_seed(seed)
        return torch.Generator(device).manual_seed(seed)

    def _judged(self) -> nn.Module:
        average = None if self._average is None else self._average.model
        if average is None:
            return self._training.model
        if isinstance(self._average, swa.Swa | schedule_free.Averaged) and self._training.renew is not None:
            self._training.renew(average)
        return average


def _to_host(figures: Mapping[str, Tensor]) -> dict[str, float]:
    """All figures of an epoch in one copy."""
    return dict(zip(figures, torch.stack([one.float() for one in figures.values()]).tolist(), strict=True))
