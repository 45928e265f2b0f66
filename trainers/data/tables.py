"""Tables that need no download: scikit-learn's own, and Friedman's function with noise of a known size."""

from typing import Any

import numpy as np
import torch
from sklearn import datasets

from trainers.data import fingerprint
from trainers.data.wanted import Wanted
from trainers.data.whole import Whole


def digits(_wanted: Wanted) -> Whole:
    """1,797 pictures of 8x8 pixels, ten classes."""
    return _classes(datasets.load_digits(), (1, 8, 8))


def wine(_wanted: Wanted) -> Whole:
    """178 wines, 13 measurements, three growers."""
    return _classes(datasets.load_wine())


def breast_cancer(_wanted: Wanted) -> Whole:
    """569 tumours, 30 measurements, malignant or benign."""
    return _classes(datasets.load_breast_cancer())


def iris(_wanted: Wanted) -> Whole:
    """150 flowers, four measurements, three species."""
    return _classes(datasets.load_iris())


def diabetes(_wanted: Wanted) -> Whole:
    """442 patients, ten measurements, how their illness went on."""
    read = datasets.load_diabetes(scaled=False)
    return _numbers(read.data, read.target, fingerprint.of_arrays(read.data, read.target))


def friedman(wanted: Wanted) -> Whole:
    """Friedman's first function (1991) of ten numbers, five of which mean nothing, with noise of a known size."""
    made_by = {"n_samples": wanted.samples, "noise": wanted.data_noise, "random_state": 0}
    inputs, targets = datasets.make_friedman1(**made_by)
    # Not of the numbers: the sine of one processor may end in another digit than that of another.
    return _numbers(inputs, targets, fingerprint.of_texts([f"make_friedman1 {sorted(made_by.items())}"]))


def _classes(read: Any, shape: tuple[int, ...] | None = None) -> Whole:
    inputs = torch.tensor(read.data, dtype=torch.float32)
    return Whole(
        task="classification",
        inputs=inputs if shape is None else inputs.reshape(-1, *shape),
        targets=torch.tensor(read.target, dtype=torch.int64),
        outputs=len(read.target_names),
        fingerprint=fingerprint.of_arrays(read.data, read.target),
        labels=tuple(str(one) for one in read.target_names),
    )


def _numbers(inputs: Any, targets: Any, mark: str) -> Whole:
    return Whole(
        task="regression",
        inputs=torch.tensor(np.asarray(inputs), dtype=torch.float32),
        targets=torch.tensor(np.asarray(targets), dtype=torch.float32).reshape(-1, 1),
        outputs=1,
        fingerprint=mark,
    )
