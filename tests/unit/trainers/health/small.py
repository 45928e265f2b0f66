"""A small training for tests of health: blobs of four classes, a multi-layer perceptron, a loop of twenty lines."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from trainers.data.dataset import Part
from trainers.health.verdict import Finding
from trainers.health.watch import Watch

CLASSES = 4
SAMPLES = 640
BATCH = 32


def blobs(samples: int = SAMPLES, *, seed: int = 0, noise: float = 0.0) -> tuple[Tensor, Tensor]:
    """Four clouds of points; `noise` is the share of labels that are wrong."""
    chance = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (samples,), generator=chance)
    centres = 2.5 * torch.randn(CLASSES, 8, generator=torch.Generator().manual_seed(99))
    inputs = centres[labels] + torch.randn(samples, 8, generator=chance)
    wrong = torch.rand(samples, generator=chance) < noise
    return inputs, torch.where(wrong, (labels + 1) % CLASSES, labels)


@dataclass
class Small:
    """A training that can be given a disease."""

    activation: Callable[[], nn.Module] = nn.ReLU
    depth: int = 2
    rate: float = 0.01
    gain: float = 1.0
    bias: float | None = None
    sgd: bool = False
    train: tuple[Tensor, Tensor] = field(default_factory=blobs)
    validation: tuple[Tensor, Tensor] = field(default_factory=lambda: blobs(256, seed=1))
    batch: int = BATCH
    seed: int = 0
    schedule: Callable[[int], float] = lambda epoch: 1.0
    watched: bool = True
    stops: bool = True

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        width, layers = 8, []
        for _ in range(self.depth):
            layers += [nn.Linear(width, 32), self.activation()]
            width = 32
        self.model = nn.Sequential(*layers, nn.Linear(width, CLASSES))
        with torch.no_grad():
            for one in self.model.parameters():
                if one.ndim > 1:
                    one.mul_(self.gain)
                elif self.bias is not None:
                    one.fill_(self.bias)
        kind = torch.optim.SGD if self.sgd else torch.optim.AdamW
        self.optimizer: torch.optim.Optimizer = kind(self.model.parameters(), lr=self.rate)
        self.watch = Watch(self.model, cross_entropy, Part(*self.train), Part(*self.validation), stops=self.stops)
        self.steps = 0
        self.findings: list[Finding] = []

    def run(self, epochs: int) -> list[Finding]:
        """Train until the watch ends it; answers what was found after each epoch."""
        for epoch in range(len(self.findings) + 1, epochs + 1):
            self._epoch(epoch)
            if self.watched and self.findings[-1].end is not None:
                break
        return self.findings

    def _epoch(self, epoch: int) -> None:
        inputs, labels = self.train
        order = torch.split(torch.randperm(len(labels), generator=torch.Generator().manual_seed(epoch)), self.batch)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * self.schedule(epoch)
        total = torch.zeros(())
        for place, chosen in enumerate(order):
            self.optimizer.zero_grad(set_to_none=True)
            loss = cross_entropy(self.model(inputs[chosen]), labels[chosen])
            torch.autograd.backward(loss)
            self.steps += 1
            if self.watched and place == len(order) - 1:
                with self.watch.step(self.optimizer):
                    self.optimizer.step()
            else:
                self.optimizer.step()
            total += loss.detach() * len(chosen)
        if self.watched:
            self._look(total / len(labels))

    @torch.no_grad()
    def _look(self, mean: Tensor) -> None:
        self.model.eval()
        with self.watch.evaluation():
            val_loss = cross_entropy(self.model(self.validation[0]), self.validation[1])
        told = {"val_loss": val_loss, "train_loss": mean, **self.watch.look()}
        host = dict(zip(told, torch.stack(list(told.values())).tolist(), strict=True))
        self.findings.append(self.watch.judge(host, batch_loss=host["train_loss"], steps=self.steps))
        self.model.train()
