"""Data that are made: sequences that need a memory, and points on a ring for models that generate.

numpy draws them, and not torch, whose numbers depend on the processor.
"""

import numpy as np
import torch
from torch import Tensor

from trainers.data import fingerprint
from trainers.data.dataset import IGNORED, Task
from trainers.data.wanted import Wanted
from trainers.data.whole import Whole
from trainers.space import BadParameter

SYMBOLS = 8
MODES = 8
RADIUS = 2.0


def parity(wanted: Wanted) -> Whole:
    """Bits, and whether an odd number of them is set: one step forgotten, and the answer is a guess."""
    bits = _rng().integers(0, 2, (wanted.samples, wanted.sequence_length, 1))
    odd = bits.sum((1, 2)) % 2
    return _whole(wanted, "parity", "classification", torch.from_numpy(bits).float(), torch.from_numpy(odd), 2)


def adding(wanted: Wanted) -> Whole:
    """Numbers, two of which are marked: their sum (Hochreiter and Schmidhuber 1997)."""
    rng, length = _rng(), wanted.sequence_length
    numbers, marks = rng.random((wanted.samples, length)), np.zeros((wanted.samples, length))
    half = length // 2
    every = np.arange(wanted.samples)
    marks[every, rng.integers(0, half, wanted.samples)] = 1.0
    marks[every, rng.integers(half, length, wanted.samples)] = 1.0
    inputs = torch.from_numpy(np.stack([numbers, marks], axis=2)).float()
    sums = torch.from_numpy((numbers * marks).sum(1, keepdims=True)).float()
    return _whole(wanted, "adding", "regression", inputs, sums, 1)


def copy(wanted: Wanted) -> Whole:
    """Symbols, then a sign, then as many blanks, at which the symbols are to be told again."""
    length = wanted.sequence_length
    symbols = _rng().integers(1, SYMBOLS + 1, (wanted.samples, length))
    tokens = np.zeros((wanted.samples, 2 * length + 1), dtype=np.int64)
    tokens[:, :length], tokens[:, length] = symbols, SYMBOLS + 1
    told = np.full_like(tokens, IGNORED)
    told[:, length + 1 :] = symbols
    return _whole(wanted, "copy", "sequence", torch.from_numpy(tokens), torch.from_numpy(told), SYMBOLS + 2)


def rings(wanted: Wanted) -> Whole:
    """Points of eight normal distributions on a ring, and of which of them each is. They are not scaled."""
    rng = _rng()
    modes = rng.integers(0, MODES, wanted.samples)
    centers = centres().numpy()[modes]
    points = centers + wanted.data_noise * rng.standard_normal((wanted.samples, 2))
    return _whole(wanted, "rings", "generation", torch.from_numpy(points).float(), torch.from_numpy(modes), MODES)


def centres() -> Tensor:
    """Where the modes of the ring lie."""
    angles = torch.arange(MODES, dtype=torch.float64) * (2 * torch.pi / MODES)
    return RADIUS * torch.stack([angles.cos(), angles.sin()], dim=1)


def _rng() -> np.random.Generator:
    # Always the same data: what differs between trials is how they are split.
    return np.random.default_rng(0)


def _whole(wanted: Wanted, name: str, task: Task, inputs: Tensor, targets: Tensor, outputs: int) -> Whole:
    if wanted.samples < 12:
        raise BadParameter("samples", f"must be at least 12, not {wanted.samples}")
    made_by = [name, wanted.samples, wanted.sequence_length, wanted.data_noise]
    return Whole(
        task=task,
        inputs=inputs,
        targets=targets,
        outputs=outputs,
        fingerprint=fingerprint.of_texts(map(str, made_by)),
    )
