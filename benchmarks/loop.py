"""CPU time an epoch of the trainers' loop, beside a loop written by hand, Lightning's Trainer and Hugging Face's.

All train the digits MLP on one core with the same data, batches and optimizer, and judge it after each epoch. The loops
take turns, and of each turn the time between the first epoch's end and the last one's counts. The others are measured
where they are installed: pip install lightning transformers accelerate.
"""

import argparse
import importlib
import importlib.util
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import bars
from benchmarks.bars import Outcome
from trainers import chosen, supervised
from trainers.data import catalog
from trainers.data.dataset import Data
from trainers.local import LocalTrial
from trainers.loop import fit
from trainers.models.catalog import MODELS
from trainers.recipes.digits_mlp import DIMENSIONS

ROUNDS, EPOCHS = 15, 40
BATCH, RATE, DECAY, DROPOUT = 64, 3e-3, 1e-4, 0.1
Loop = Callable[[Data, int], float]
"""Trains so many epochs; answers the seconds of CPU time of one."""


def run(arguments: argparse.Namespace) -> Outcome:
    """Measure all loops in turn."""
    torch.set_num_threads(1)
    rounds, epochs = (3, 10) if arguments.quick else (ROUNDS, EPOCHS)
    data = catalog.load("digits", chosen.Chosen(DIMENSIONS, {}))
    measured = dict(_loops())
    taken: dict[str, list[float]] = {name: [] for name in measured}
    for one in range(rounds + 1):
        for name, loop in measured.items():
            seconds = loop(data, epochs)
            # The first turn of each loads what it needs.
            if one:
                taken[name].append(1e3 * seconds)
    outcome = Outcome(f"an epoch of the digits MLP, {len(data.train)} samples, {rounds} rounds of {epochs} epochs")
    medians = {name: outcome.figure(name, "ms", times).median for name, times in taken.items()}
    outcome.bar("our loop over the bare loop", medians[OURS] / medians[BARE], at_most=1.15, unit="x")
    return outcome


BARE, OURS, WATCHED = "bare loop", "our loop", "our loop, its health watched"


def _loops() -> list[tuple[str, Loop]]:
    found: list[tuple[str, Loop]] = [
        (BARE, bare),
        (OURS, ours),
        (WATCHED, lambda data, epochs: ours(data, epochs, watched=True)),
    ]
    for name, package, loop in (
        ("Lightning's Trainer", "lightning", lightning),
        ("Hugging Face's", "transformers", hugging),
    ):
        if importlib.util.find_spec(package) is None:
            print(f"{name} is not measured: pip install lightning transformers accelerate")
        else:
            found.append((name, loop))
    return found


def bare(data: Data, epochs: int) -> float:
    """What one writes by hand, with what is known of speed: resident data, indices, a fused optimizer, one copy."""
    torch.manual_seed(0)
    model, ends = _network(data), list[float]()
    optimizer = torch.optim.AdamW(_groups(model), lr=RATE, fused=True)
    inputs, labels = data.train.inputs, data.train.targets
    for _ in range(epochs):
        model.train()
        total = torch.zeros(())
        for places in torch.split(torch.randperm(len(labels)), BATCH):
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(model(inputs[places]), labels[places])
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.detach() * len(places)
        model.eval()
        with torch.no_grad():
            logits = model(data.validation.inputs)
            judged = nn.functional.cross_entropy(logits, data.validation.targets)
            right = (logits.argmax(1) == data.validation.targets).float().mean()
        torch.stack([total / len(labels), judged, right]).tolist()
        ends.append(time.process_time())
    return _each(ends)


def ours(data: Data, epochs: int, *, watched: bool = False) -> float:
    """The loop of the trainers, as a trial of digits-mlp goes through it; `watched` by training health, or not."""
    trial = _Timed({"epochs": epochs})
    given = chosen.Chosen(DIMENSIONS, trial.params)
    training, watch = supervised.prepared(given, MODELS["mlp"], data, seed=0, device=torch.device("cpu"))
    fit(trial, training, watch if watched else None)
    return _each(trial.ends)


class _Timed(LocalTrial):
    """A trial that notes when its points come."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        self.ends: list[float] = []

    def report(self, *told: Any, **named: Any) -> None:
        super().report(*told, **named)
        self.ends.append(time.process_time())


def lightning(data: Data, epochs: int) -> float:
    """Lightning's Trainer with everything switched off that can be."""
    library: Any = importlib.import_module("lightning")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    network, ends = _network(data), list[float]()

    class Module(library.LightningModule):  # type: ignore[misc]  # not annotated, and not installed as a rule
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def training_step(self, batch: list[Tensor], _: int) -> Tensor:
            return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

        def validation_step(self, batch: list[Tensor], _: int) -> None:
            logits = self.network(batch[0])
            self.log("val_loss", nn.functional.cross_entropy(logits, batch[1]))
            self.log("val_accuracy", (logits.argmax(1) == batch[1]).float().mean())

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(_groups(self.network), lr=RATE, fused=True)

        def on_validation_epoch_end(self) -> None:
            ends.append(time.process_time())

    trainer = library.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(Module(), _loader(data.train, BATCH), _loader(data.validation, len(data.validation)))
    return _each(ends)


def hugging(data: Data, epochs: int) -> float:
    """Hugging Face's Trainer, likewise."""
    transformers: Any = importlib.import_module("transformers")

    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = _network(data)

        def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
            logits = self.network(inputs)
            return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    class Ends(transformers.TrainerCallback):  # type: ignore[misc]  # not annotated, and not installed as a rule
        def on_evaluate(self, *_: Any, **__: Any) -> None:
            ends.append(time.process_time())

    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            num_train_epochs=epochs,
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=len(data.validation),
            learning_rate=RATE,
            weight_decay=DECAY,
            optim="adamw_torch_fused",
            lr_scheduler_type="constant",
            eval_strategy="epoch",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        )
        parts = [
            [{"inputs": one, "labels": label} for one, label in zip(part.inputs, part.targets, strict=True)]
            for part in (data.train, data.validation)
        ]
        model = Wrapped()
        trainer = transformers.Trainer(
            model, arguments, train_dataset=parts[0], eval_dataset=parts[1], callbacks=[Ends()]
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
    return _each(ends)


def _network(data: Data) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(64, data.outputs))


def _groups(model: nn.Module) -> list[dict[str, Any]]:
    return [
        {"params": [one for one in model.parameters() if one.ndim > 1], "weight_decay": DECAY},
        {"params": [one for one in model.parameters() if one.ndim <= 1], "weight_decay": 0.0},
    ]


def _loader(part: Any, batch: int) -> "torch.utils.data.DataLoader[Any]":
    samples = torch.utils.data.TensorDataset(part.inputs, part.targets)
    return torch.utils.data.DataLoader(samples, batch_size=batch, shuffle=batch == BATCH)


def _each(ends: list[float]) -> float:
    """The seconds of an epoch, of all but the first."""
    return (ends[-1] - ends[0]) / (len(ends) - 1)


if __name__ == "__main__":
    bars.main(run)
