"""The byte formats that MNIST and CIFAR-10 are handed round in: idx files, packed or not, and CIFAR's binaries."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trainers.data import fingerprint
from trainers.data.arrays import check_labels
from trainers.data.wanted import Wanted
from trainers.data.whole import Whole
from trainers.space import BadParameter

Bytes = NDArray[np.uint8]
_UNSIGNED = 8
_IDX = (("train", "train"), ("t10k", "test"))
_RECORD, _SIDE = 3_073, 32
_CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def idx(wanted: Wanted) -> Whole:
    """A folder with MNIST's four files, or ones of the same form: the pictures called t10k are the sealed part."""
    folder = _folder(wanted.path)
    images, labels, parts = [], [], []
    for prefix, part in _IDX:
        pictures = _idx_file(folder, f"{prefix}-images", 3, needed=part == "train")
        if pictures is None:
            continue
        path = folder / f"{prefix}-labels"
        classes = _idx_file(folder, f"{prefix}-labels", 1, needed=True)
        assert classes is not None
        if len(pictures) != len(classes):
            raise BadParameter("path", f"{path}* have {len(classes)} labels, but there are {len(pictures)} pictures")
        images.append(pictures)
        labels.append(classes)
        parts += [part] * len(classes)
    if len({one.shape[1:] for one in images}) > 1:
        raise BadParameter("path", f"{folder}: the pictures of train and t10k are not of one size")
    both = np.concatenate(images)[:, None], np.concatenate(labels)
    return _whole(folder, *both, check_labels(folder, both[1]), parts)


def cifar(wanted: Wanted) -> Whole:
    """A folder with CIFAR-10's binary files: data_batch_*.bin and, as the sealed part, test_batch.bin."""
    folder = _folder(wanted.path)
    files = [*sorted(folder.glob("data_batch_*.bin")), *sorted(folder.glob("test_batch.bin"))]
    if not files or files[0].name == "test_batch.bin":
        hint = "; those in Python's pickles are not read" if list(folder.glob("data_batch_*")) else ""
        raise BadParameter("path", f"{folder} has no data_batch_1.bin: the binary version of CIFAR-10 is needed{hint}")
    records, parts = [], []
    for path in files:
        read = np.frombuffer(_bytes(path), dtype=np.uint8)
        if read.size % _RECORD or not read.size:
            raise BadParameter("path", f"{path} is cut off: {read.size} bytes are no whole records of {_RECORD}")
        batch = read.reshape(-1, _RECORD)
        wrong = np.flatnonzero(batch[:, 0] >= len(_CIFAR_CLASSES))
        if wrong.size:
            raise BadParameter(
                "path", f"{path}: the label of record {wrong[0] + 1} is {batch[wrong[0], 0]}, which is not 0 to 9"
            )
        records.append(batch)
        parts += ["test" if path.name == "test_batch.bin" else "train"] * len(batch)
    every = np.concatenate(records)
    pictures = every[:, 1:].reshape(-1, 3, _SIDE, _SIDE)
    return _whole(folder, pictures, every[:, 0], len(_CIFAR_CLASSES), parts, _CIFAR_CLASSES)


def _whole(
    folder: Path, images: Bytes, labels: Bytes, outputs: int, parts: list[str], names: tuple[str, ...] = ()
) -> Whole:
    return Whole(
        task="classification",
        inputs=torch.from_numpy(np.ascontiguousarray(images)),
        targets=torch.from_numpy(labels.astype(np.int64)),
        outputs=outputs,
        fingerprint=fingerprint.of_arrays(images, labels),
        labels=names,
        # Only where there are others: a folder of training files alone is split as any data are.
        parts=tuple(parts) if "test" in parts else None,
        where=lambda sample: f"picture {sample + 1} of {folder}",
    )


def _folder(given: str) -> Path:
    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise BadParameter("path", f"names no folder: there is no {folder.absolute()} on this worker")
    return folder


def _bytes(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise BadParameter("path", f"{path} cannot be read: {error}") from None


def _idx_file(folder: Path, name: str, dims: int, *, needed: bool) -> Bytes | None:
    found = sorted(one for one in folder.glob(f"{name}*") if one.is_file())
    if not found:
        if needed:
            raise BadParameter("path", f"{folder} has no {name}-idx{dims}-ubyte, packed (.gz) or not")
        return None
    path = found[0]
    data = _bytes(path)
    if len(data) < 4 + 4 * dims or data[:3] != bytes((0, 0, _UNSIGNED)) or data[3] != dims:
        raise BadParameter("path", f"{path} is no idx file of bytes with {dims} dimension{'s' * (dims > 1)}")
    shape = struct.unpack(f">{dims}I", data[4 : 4 + 4 * dims])
    body = np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * dims)
    if body.size != int(np.prod(shape)):
        raise BadParameter("path", f"{path} is cut off: it has {body.size} bytes for {shape}")
    return body.reshape(shape)
