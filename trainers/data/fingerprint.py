"""Fingerprints of data: the same data give the same text on every machine, other data another one."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]


def of_arrays(*arrays: Array) -> str:
    """Of numbers as they were read, with their types and shapes."""
    digest = hashlib.sha256()
    for one in arrays:
        # Little-endian, whatever machine or file they come from.
        plain = np.ascontiguousarray(one.astype(one.dtype.newbyteorder("<"), copy=False))
        digest.update(f"{plain.dtype.str} {plain.shape}\n".encode())
        digest.update(plain.data)
    return digest.hexdigest()


def of_texts(texts: Iterable[str]) -> str:
    """Of texts, each by itself; also of the recipe that data are made by, where a processor may round otherwise."""
    digest = hashlib.sha256()
    for one in texts:
        data = one.encode()
        digest.update(f"{len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()
