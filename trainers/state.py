"""A state of training as one safetensors file: tensors as they are, everything else as JSON in its header.

Readers of safetensors find the tensors under their paths. Nothing in it is ever carried out.
"""

import base64
import json
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

_KEY = "basin"
_MOST_HEADER = 256 << 20
# safetensors' names of types, with those that torch and numpy have for them.
_TYPES: Mapping[str, str] = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "bool": "BOOL",
    "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}
_NAMES = {short: long for long, short in _TYPES.items()}


class Sink(Protocol):
    """Something that bytes can be written to."""

    def write(self, data: Any, /) -> int:
        """Take these bytes."""


def is_state(head: bytes) -> bool:
    """Whether a file that begins like this is a safetensors file."""
    return len(head) > 9 and struct.unpack("<Q", head[:8])[0] <= _MOST_HEADER and head[8:9] == b"{"


class Plan:
    """What is to be written, with the header that says where everything will lie. It refuses what it cannot write."""

    def __init__(self, what: Any, root: str = "state") -> None:
        self._tensors: dict[str, dict[str, Any]] = {}
        self._bytes: list[Callable[[], Any]] = []
        self._end = 0
        tree = self._tree(what, root)
        header = {"__metadata__": {"format": "pt", _KEY: json.dumps(tree)}, **self._tensors}
        text = json.dumps(header, separators=(",", ":")).encode()
        self._header = text + b" " * (-len(text) % 8)

    def write(self, sink: Sink) -> None:
        """Write the file."""
        sink.write(struct.pack("<Q", len(self._header)))
        sink.write(self._header)
        for read in self._bytes:
            sink.write(read())

    def _tree(self, value: Any, path: str) -> Any:
        match value:
            case None | bool() | str():
                return value
            case int() | float() if type(value) in {int, float}:
                return value
            case bytes():
                return {"$bytes": base64.b64encode(value).decode()}
            case tuple():
                return {"$tuple": [self._tree(one, f"{path}.{place}") for place, one in enumerate(value)]}
            case list():
                return [self._tree(one, f"{path}.{place}") for place, one in enumerate(value)]
            case Mapping():
                return self._mapping(value, path)
            case _:
                return self._array(value, path)

    def _mapping(self, value: Mapping[Any, Any], path: str) -> Any:
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: self._tree(one, f"{path}.{key}".lstrip(".")) for key, one in value.items()}
        held = [[self._tree(key, f"{path} (a key)"), self._tree(one, f"{path}.{key}")] for key, one in value.items()]
        return {"$map": held}

    def _array(self, value: Any, path: str) -> Any:
        if (torch := sys.modules.get("torch")) is not None and isinstance(value, torch.Tensor):
            if value.is_sparse or value.is_quantized or value.is_meta:
                raise TypeError(f"checkpoint: {path} is a sparse, quantized or meta tensor: keep a dense one")
            flat = value.detach().cpu().contiguous().reshape(-1)
            size = flat.numel() * flat.element_size()
            name = self._place(path, str(value.dtype).removeprefix("torch."), list(value.shape), size)
            self._bytes.append(lambda: flat.view(torch.uint8).numpy() if size else b"")
            return {"$tensor": name}
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, numpy.generic):
            return self._tree(value.item(), path)
        if numpy is not None and isinstance(value, numpy.ndarray):
            name = self._place(path, value.dtype.name, list(value.shape), value.nbytes)
            self._bytes.append(lambda: value.tobytes())
            return {"$array": name}
        raise TypeError(
            f"checkpoint: {path} is a {type(value).__name__}: keep tensors, arrays, numbers, texts, lists and dicts, "
            "or write a file of your own and give its path"
        )

    def _place(self, path: str, kind: str, shape: list[int], size: int) -> str:
        if kind not in _TYPES:
            raise TypeError(f"checkpoint: {path} holds {kind}, which no checkpoint can")
        name = path
        while name in self._tensors:
            name += "'"
        self._tensors[name] = {
            "dtype": _TYPES[kind],
            "shape": shape,
            "data_offsets": [self._end, self._end + size],
        }
        self._end += size
        return name


def read(path: Path) -> Any:
    """The state in a file; ValueError if it is cut off or no state of ours."""
    data = memoryview(bytearray(path.read_bytes()))
    (length,) = struct.unpack("<Q", data[:8])
    try:
        header = json.loads(bytes(data[8 : 8 + length]))
        tree = json.loads(header["__metadata__"][_KEY])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} was not written by trial.checkpoint, or is cut off") from error
    return _grow(tree, header, data[8 + length :])


def _grow(tree: Any, header: Mapping[str, Any], data: memoryview) -> Any:
    if isinstance(tree, list):
        return [_grow(one, header, data) for one in tree]
    if not isinstance(tree, dict):
        return tree
    match next(iter(tree.items()), ("", None)):
        case "$tensor", str(name):
            return _tensor(name, header[name], data)
        case "$array", str(name):
            return _numbers(name, header[name], data)
        case "$tuple", list(held):
            return tuple(_grow(one, header, data) for one in held)
        case "$map", list(held):
            return {_grow(key, header, data): _grow(one, header, data) for key, one in held}
        case "$bytes", str(held):
            return base64.b64decode(held)
        case _:
            return {key: _grow(one, header, data) for key, one in tree.items()}


def _lies(name: str, entry: Mapping[str, Any], data: memoryview) -> memoryview:
    begin, end = entry["data_offsets"]
    if not 0 <= begin <= end <= len(data):
        raise ValueError(f"the checkpoint is cut off: {name} is not whole")
    return data[begin:end]


def _tensor(name: str, entry: Mapping[str, Any], data: memoryview) -> Any:
    import torch

    kind = getattr(torch, _NAMES[entry["dtype"]])
    held = _lies(name, entry, data)
    if not len(held):
        return torch.empty(entry["shape"], dtype=kind)
    # A copy of its own: the views of one buffer need not lie at the addresses that arithmetic wants.
    return torch.frombuffer(bytearray(held), dtype=kind).reshape(entry["shape"])


def _numbers(name: str, entry: Mapping[str, Any], data: memoryview) -> Any:
    import numpy as np

    return np.frombuffer(bytearray(_lies(name, entry, data)), dtype=_NAMES[entry["dtype"]]).reshape(entry["shape"])
