"""Arrays of the user's own in an npz file. What was pickled in it is never loaded."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.lib.npyio import NpzFile
from torch import Tensor

from trainers.data import fingerprint
from trainers.data.named import parts_of
from trainers.data.wanted import Wanted
from trainers.data.whole import Whole
from trainers.space import BadParameter

INPUTS = ("x", "inputs", "images", "data", "features")
TARGETS = ("y", "targets", "target", "labels", "label")
_PARTS = ("train", "validation", "val", "test")
Arrays = dict[str, Any]


def npz(wanted: Wanted) -> Whole:
    """`x` and `y`, or `x_train`, `y_train`, `x_test`, `y_test`, or other names that mean the same."""
    path = Path(wanted.path).expanduser()
    arrays = _read(path)
    inputs, targets, parts = _found(path, arrays, wanted)
    if len(inputs) != len(targets):
        raise BadParameter("path", f"{path} has {len(inputs)} inputs, but {len(targets)} targets: they must match")
    _check_finite(path, inputs, "inputs")
    _check_finite(path, targets, "targets")
    mark = fingerprint.of_arrays(inputs, targets)
    is_class = targets.dtype.kind in "biu" and targets.ndim == 1 and wanted.task != "regression"
    if wanted.task == "classification" and not is_class:
        raise BadParameter("task", f"is classification, but the targets of {path} are {_kind(targets)}: whole numbers?")
    return Whole(
        task="classification" if is_class else "regression",
        inputs=_inputs(path, inputs),
        targets=torch.from_numpy(targets.astype(np.int64 if is_class else np.float32)).reshape(
            (-1,) if is_class else (len(targets), -1)
        ),
        outputs=check_labels(path, targets) if is_class else int(np.prod(targets.shape[1:])),
        fingerprint=mark,
        parts=parts,
    )


def _read(path: Path) -> Arrays:
    if not path.is_file():
        raise BadParameter("path", f"names no file: there is no {path.absolute()} on this worker")
    name = ""
    try:
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, NpzFile):
                raise BadParameter("path", f"{path} is a single array: save inputs and targets with numpy.savez")
            read: Arrays = {}
            for name in arrays.files:
                read[name] = arrays[name]
            return read
    except BadParameter:
        raise
    except (ValueError, BadZipFile, OSError, EOFError) as error:
        if "allow_pickle" in str(error):
            which = f"array {name!r} holds" if name else "it holds"
            raise BadParameter(
                "path", f"{path} is not loaded, for {which} pickled Python objects, which could run code: save numbers"
            ) from None
        raise BadParameter("path", f"{path} is no npz file that can be read: {error}") from None


def _found(path: Path, arrays: Arrays, wanted: Wanted) -> tuple[Any, Any, tuple[str, ...] | None]:
    """Inputs, targets, and the part of each sample where the arrays or one of them say it."""
    named = [one for one in _PARTS if _pick(arrays, INPUTS, f"_{one}") is not None]
    if "train" in named:
        pairs = [(_need(path, arrays, INPUTS, f"_{one}"), _need(path, arrays, TARGETS, f"_{one}")) for one in named]
        parts = [one for one, (inputs, _) in zip(named, pairs, strict=True) for _ in inputs]
        inputs, targets = (np.concatenate(both) for both in zip(*pairs, strict=True))
        return inputs, targets, parts_of(parts, lambda sample: f"sample {sample + 1}")
    names = (wanted.target,) if wanted.target else TARGETS
    inputs, targets = _need(path, arrays, INPUTS, ""), _need(path, arrays, names, "")
    if not wanted.split_column:
        return inputs, targets, None
    words = _need(path, arrays, (wanted.split_column,), "")
    if len(words) != len(targets):
        raise BadParameter("split_column", f"has {len(words)} values in {path}, but there are {len(targets)} samples")
    return inputs, targets, parts_of(map(str, words.tolist()), lambda sample: f"{path}, sample {sample + 1}")


def _pick(arrays: Arrays, names: Iterable[str], suffix: str) -> Any:
    lower = {name.lower(): array for name, array in arrays.items()}
    return next((lower[f"{name.lower()}{suffix}"] for name in names if f"{name.lower()}{suffix}" in lower), None)


def _need(path: Path, arrays: Arrays, names: tuple[str, ...], suffix: str) -> Any:
    found = _pick(arrays, names, suffix)
    if found is None:
        wanted = " or ".join(f"{name}{suffix}" for name in names)
        raise BadParameter("path", f"{path} has no array {wanted}; there are {', '.join(arrays) or 'none'}")
    if found.ndim == 0 or found.dtype.kind not in "biufUS":
        raise BadParameter("path", f"{path}: an array called like {names[0]}{suffix} is {_kind(found)}, not numbers")
    return found


def _kind(array: Any) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _check_finite(path: Path, array: Any, what: str) -> None:
    if array.dtype.kind != "f":
        return
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(1)
    if bad.any():
        more = f", and those of {int(bad.sum()) - 1} more" if bad.sum() > 1 else ""
        raise BadParameter("path", f"{path}: the {what} of sample {int(bad.argmax()) + 1}{more} are not finite")


def check_labels(path: Path, labels: Any) -> int:
    """How many classes there are; refuses labels that cannot be counted from 0."""
    different = np.unique(labels.astype(np.int64))
    if different[0] != 0 or different[-1] != len(different) - 1:
        wrong = int(different[0]) if different[0] < 0 else int(different[-1])
        sample = int(np.flatnonzero(labels == wrong)[0]) + 1
        raise BadParameter(
            "path",
            f"{path}: the label of sample {sample} is {wrong}, but {len(different)} different ones must be numbered "
            f"0 to {len(different) - 1}",
        )
    if len(different) < 2:
        raise BadParameter("path", f"{path}: every label is 0: there is nothing to tell apart")
    return len(different)


def _inputs(path: Path, array: Any) -> Tensor:
    """Rows of numbers, pictures with their channels first, or steps of a sequence."""
    if array.dtype.kind not in "biuf":
        raise BadParameter("path", f"{path}: the inputs are {_kind(array)}, not numbers")
    if array.ndim == 4 and array.shape[1] not in {1, 3, 4} and array.shape[3] in {1, 3, 4}:
        array = array.transpose(0, 3, 1, 2)
    if array.ndim == 3 and array.dtype == np.uint8:
        array = array[:, None]
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim > 4:
        raise BadParameter("path", f"{path}: the inputs are {_kind(array)}: rows, sequences or pictures are needed")
    kept = array if array.dtype == np.uint8 and array.ndim == 4 else array.astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(kept))
