"""What a GPU makes of it: the way from a lease to the first step, the loop's own work, samples a second, reports.

The way to the first step is measured as in `benchmarks.start`, CUDA's own start included; each trial has to make that
anew, for it cannot be forked. The loop is measured beside one written by hand, as in `benchmarks.loop`, by the clock:
the time until all is done of an epoch. Samples a second are those of our loop, in each precision.
"""

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import bars, start
from benchmarks.bars import Outcome
from benchmarks.talk import Talk
from tests.acceptance.server_process import ServerProcess
from tests.acceptance.worker_process import worker
from trainers import supervised, training
from trainers.chosen import Chosen
from trainers.data import catalog
from trainers.data.dataset import Data, Part
from trainers.local import LocalTrial
from trainers.loop import fit
from trainers.models.catalog import MODELS
from trainers.recipes import char_lm, digits_cnn, digits_mlp, images_cnn
from trainers.space import Dimension, Scalar
from trainers.training import resident

TRIALS, FRESH = 12, 3
ROUNDS, EPOCHS = 7, 12
BATCH, RATE = 64, 3e-3
REPORTS = 500
GPU = torch.device("cuda")
PRECISIONS = ("fp32", "bf16", "fp16")
_RECIPE: Mapping[str, Any] = {
    "name": "recipe",
    "objectives": [{"metric": "val_loss"}],
    "space": {"learning_rate": {"type": "float", "low": 1e-3, "high": 1e-2}},
    "trainer": {"name": "digits-mlp", "settings": {"epochs": 10}},
    "sampler": "random",
    "scheduler": "none",
}
_QUIET: Mapping[str, Scalar] = {"health": False}


def run(arguments: argparse.Namespace) -> Outcome:
    """Measure all of it, one after the other."""
    if not torch.cuda.is_available():
        print("no GPU here: torch sees no CUDA device, and nothing is measured")
        raise SystemExit(0)
    outcome = Outcome(f"on {torch.cuda.get_device_name()}, torch {torch.__version__}")
    rounds, epochs = (3, 4) if arguments.quick else (ROUNDS, EPOCHS)
    _start(outcome, 5 if arguments.quick else TRIALS)
    _loop(outcome, rounds, epochs)
    _samples(outcome, rounds)
    _reports(outcome, rounds)
    return outcome


# --- from the lease to the first step


def _start(outcome: Outcome, trials: int) -> None:
    with tempfile.TemporaryDirectory(prefix="basin-bench-") as name:
        folder = Path(name)
        with ServerProcess(f"sqlite:///{folder}/basin.db", folder, log_level="warning") as server:
            granted, _, cuda = asyncio.run(start.leased(server, folder, trials, "0"))
            recipe = asyncio.run(_recipe(server, folder / "recipe", trials))
    fresh = [start.fresh_python(GPU.type) for _ in range(FRESH)]
    ours = outcome.figure("lease to first step on the GPU", "ms", granted[1:])
    outcome.figure("of it CUDA's own start", "ms", cuda[1:])
    outcome.figure("the rest of it", "ms", [all - its for all, its in zip(granted[1:], cuda[1:], strict=True)])
    peer = outcome.figure("fresh Python to first step on the GPU", "ms", fresh)
    for name, times in recipe.items():
        outcome.figure(f"a trial of digits-mlp on the GPU, {name}", "ms", times)
    outcome.bar("lease to first step, over a fresh Python", ours.median / peer.median, at_most=0.8, unit="x")


async def _recipe(server: ServerProcess, folder: Path, trials: int) -> dict[str, list[float]]:
    """Trials of a recipe through server and worker: the milliseconds of their parts, all but the first trial's."""
    folder.mkdir()
    talk = await Talk.to(server.port)
    given = ["--server", server.address, "--trainer", "digits-mlp", "--max-trials", f"{trials}"]
    await talk.post("/v1/studies", {**_RECIPE, "budget": {"max_trials": trials, "max_running": 1}})
    async with worker(folder, *given, gpus="0") as process:
        assert await process.ended(300) == 0, process.said
    path, parts = f"/v1/studies/{_RECIPE['name']}/trials", ("first epoch", "a later epoch", "lease to end")
    found: dict[str, list[float]] = {name: [] for name in parts}
    for number in range(1, trials):
        (attempt,) = (await talk.get(f"{path}/{number}/attempts"))["attempts"]
        ends = [point["elapsed"] for point in (await talk.get(f"{path}/{number}/reports"))["points"]]
        begun, over = (datetime.fromisoformat(attempt[name]) for name in ("granted_at", "ended_at"))
        each = (ends[0], (ends[-1] - ends[0]) / (len(ends) - 1), (over - begun).total_seconds())
        for name, seconds in zip(parts, each, strict=True):
            found[name].append(seconds * 1e3)
    talk.close()
    return found


# --- the loop beside one written by hand


def _loop(outcome: Outcome, rounds: int, epochs: int) -> None:
    chosen = _chosen(digits_mlp.DIMENSIONS, epochs=epochs, batch_size=BATCH, learning_rate=RATE)
    data = catalog.load("digits", chosen)
    steps = -(-len(data.train) // BATCH)
    loops: Mapping[str, Callable[[], float]] = {
        "bare loop": lambda: _bare(data, epochs),
        "our loop": lambda: _ours(chosen, "mlp", data, watched=False),
        "our loop, its health watched": lambda: _ours(chosen, "mlp", data),
    }
    taken: dict[str, list[float]] = {name: [] for name in loops}
    for one in range(rounds + 1):
        for name, loop in loops.items():
            seconds = loop()
            if one:
                taken[name].append(seconds * 1e6 / steps)
    medians = {name: outcome.figure(f"digits-mlp, a step: {name}", "us", times).median for name, times in taken.items()}
    outcome.bar("our loop over the bare loop", medians["our loop"] / medians["bare loop"], at_most=1.15, unit="x")


def _bare(data: Data, epochs: int) -> float:
    """What one writes by hand, with what is known of speed: resident data, a fused optimizer, one copy an epoch."""
    torch.manual_seed(0)
    train, judged = resident(data.train, GPU), resident(data.validation, GPU)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, data.outputs)).to(
        GPU
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, fused=True)
    held = judged.taken(judged.inputs)
    ends = []
    for _ in range(epochs):
        model.train()
        total = torch.zeros((), device=GPU)
        for places in torch.split(torch.randperm(len(train), device=GPU), BATCH):
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(model(train.taken(train.inputs[places])), train.targets[places])
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.detach() * len(places)
        model.eval()
        with torch.no_grad():
            outputs = model(held)
            right = (outputs.argmax(1) == judged.targets).float().mean()
            torch.stack([total, nn.functional.cross_entropy(outputs, judged.targets), right]).tolist()
        ends.append(time.perf_counter())
    return _each(ends)


def _ours(chosen: Chosen, model: str, data: Data, *, watched: bool = True) -> float:
    """The loop of the trainers: the seconds of an epoch."""
    trial = _Timed(chosen.values)
    made, watch = supervised.prepared(chosen, MODELS[model], data, seed=0, device=GPU)
    fit(trial, made, watch if watched else None)
    return _each(trial.ends)


class _Timed(LocalTrial):
    """A trial that notes when its points come: by then all of the epoch is done."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__(params, device=GPU.type)
        self.ends: list[float] = []

    def report(self, *told: Any, **named: Any) -> None:
        super().report(*told, **named)
        self.ends.append(time.perf_counter())


def _each(ends: list[float]) -> float:
    """The seconds of an epoch, the median of all but the first."""
    return statistics.median(after - before for before, after in itertools.pairwise(ends))


# --- samples a second


def _samples(outcome: Outcome, rounds: int) -> None:
    small: dict[str, Scalar] = {"epochs": 3 + rounds}
    digits = _chosen(digits_cnn.DIMENSIONS, **small)
    pictures = _chosen(images_cnn.DIMENSIONS, **small, model="resnet", width=64, stages=3, batch_size=512)
    texts = _chosen(char_lm.DIMENSIONS, **small, d_model=512, blocks=6, heads=8, context=256, batch_size=64)
    trained: tuple[tuple[str, Chosen, str, Data], ...] = (
        ("digits-cnn", digits, "cnn", catalog.load("digits", digits)),
        ("a ResNet of 32x32 pictures", pictures, "resnet", _pictures(8_192)),
        ("a Transformer of 19 million weights", texts, "decoder", catalog.load("python-docs", texts)),
    )
    for name, chosen, model, data in trained:
        for precision in PRECISIONS:
            as_it = Chosen(chosen.dimensions.values(), {**chosen.values, **_QUIET, "precision": precision})
            count = len(data.train) * (data.shape[0] if data.task == "language" else 1)
            what = "characters" if data.task == "language" else "samples"
            outcome.figure(f"{name}, {precision}", f"{what}/s", [count / _ours(as_it, model, data)])
    _, resnet, _, noise = trained[1]
    outcome.figure("the ResNet, bf16, its pictures beside the GPU", "samples/s", [_beside(resnet, noise)])


def _beside(chosen: Chosen, data: Data) -> float:
    """A ResNet's samples a second where its pictures lie beside the GPU."""
    share, training._SHARE = training._SHARE, 0.0
    try:
        return len(data.train) / _ours(
            Chosen(chosen.dimensions.values(), {**chosen.values, **_QUIET, "precision": "bf16"}), "resnet", data
        )
    finally:
        training._SHARE = share


def _pictures(count: int) -> Data:
    """Noise of CIFAR-10's shape: what it is is nothing to the speed."""
    chance = torch.Generator().manual_seed(0)
    train, judged = (
        Part(torch.randn(size, 3, 32, 32, generator=chance), torch.randint(10, (size,), generator=chance))
        for size in (count, 512)
    )
    return Data("noise", "classification", train, judged, shape=(3, 32, 32), outputs=10, fingerprint="0" * 64)


# --- what it costs to report each step


def _reports(outcome: Outcome, rounds: int) -> None:
    tellings: Mapping[str, Callable[[Tensor], float | Tensor | None]] = {
        "no report": lambda _: None,
        "a report of a number": lambda _: 0.5,
        "a report of the loss on the GPU": lambda loss: loss,
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in tellings}
    for one in range(rounds + 1):
        for name, tells in tellings.items():
            both = _reporting(tells)
            if one:
                taken[name].append(both)
    for name, rows in taken.items():
        outcome.figure(f"a step of 4,096 samples, {name}", "us", [whole for whole, _ in rows])
    within = [100 * spent / whole for whole, spent in taken["a report of a number"]]
    outcome.bar("time within a report each step", statistics.median(within), at_most=3, unit="%")


def _reporting(tells: Callable[[Tensor], float | Tensor | None]) -> tuple[float, float]:
    """Steps by hand that report what is told of their loss: the microseconds of one, and of its report."""
    torch.manual_seed(0)
    width = 1024
    layers = (nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))
    model, trial = nn.Sequential(*layers).to(GPU), LocalTrial({}, device=GPU.type)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, fused=True)
    inputs, labels = torch.randn(4096, width, device=GPU), torch.randint(10, (4096,), device=GPU)
    torch.cuda.synchronize()
    begun, within = time.perf_counter(), 0.0
    for step in range(1, REPORTS + 1):
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(model(inputs), labels)
        torch.autograd.backward(loss)
        optimizer.step()
        if (told := tells(loss)) is not None:
            asked = time.perf_counter()
            trial.report(step, told)
            within += time.perf_counter() - asked
    torch.cuda.synchronize()
    return (time.perf_counter() - begun) / REPORTS * 1e6, within / REPORTS * 1e6


def _chosen(dimensions: tuple[Dimension, ...], **values: Scalar) -> Chosen:
    return Chosen(dimensions, values)


if __name__ == "__main__":
    bars.main(run)
