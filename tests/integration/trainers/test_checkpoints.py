"""Checkpoints on a real disk: what goes in comes out, whole or not at all, and nothing in them is ever carried out."""

import hashlib
import io
import json
import pickle
import random
import resource
import struct
import tarfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainers import checkpoint, state
from trainers.checkpoint import Written


def _kept(what: Any, folder: Path, step: int = 1) -> Written:
    written = checkpoint.save(what, folder, step)
    assert written is not None
    data = written.path.read_bytes()
    assert (written.size, written.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    return written


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        bits = (one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8)) if one.numel() else (one, other)
        return one.dtype == other.dtype and one.shape == other.shape and torch.equal(*bits)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))


@pytest.mark.parametrize(
    "what",
    [
        {
            "epoch": 3,
            "best": 0.1,
            "name": "nä\nme",
            "none": None,
            "flag": True,
            "inf": float("inf"),
            "nan": float("nan"),
        },
        {"model": {"0.weight": torch.randn(3, 4), "0.bias": torch.zeros(3)}, "step": torch.tensor(5.0)},
        {0: {"exp_avg": torch.ones(2)}, 1: {}, "$odd": (1, [2, (3,)])},
        [torch.empty(0, 3), torch.arange(6).reshape(2, 3).t(), torch.tensor(True), torch.randn(3).bfloat16()],
        [torch.randn(2, dtype=torch.float64), torch.randn(2).half(), torch.tensor([1, 2], dtype=torch.uint8)],
        {"numpy": np.arange(6, dtype=np.int16).reshape(2, 3)[:, ::2], "state": np.array(3.5)},
        {"python": random.Random(3).getstate(), "torch": torch.get_rng_state(), "raw": b"\x00\xff"},
        7,
    ],
)
def test_a_state_comes_out_as_it_went_in(tmp_path: Path, what: Any) -> None:
    assert _same(what, checkpoint.load(_kept(what, tmp_path).path))


def test_a_model_and_its_optimizer_go_on_to_the_same_weights(tmp_path: Path) -> None:
    def made() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1))
        return model, torch.optim.AdamW(model.parameters(), lr=0.01, amsgrad=True)

    def step(model: torch.nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
        inputs = torch.randn(16, 4, generator=torch.Generator().manual_seed(seed))
        optimizer.zero_grad()
        torch.autograd.backward(model(inputs).square().mean())
        optimizer.step()

    model, optimizer = made()
    for seed in range(3):
        step(model, optimizer, seed)
    path = _kept({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path).path
    again, its = made()
    held = checkpoint.load(path)
    again.load_state_dict(held["model"])
    its.load_state_dict(held["optimizer"])
    for seed in range(3, 6):
        step(model, optimizer, seed)
        step(again, its, seed)
    assert _same(dict(model.state_dict()), dict(again.state_dict()))


def test_the_file_is_safetensors(tmp_path: Path) -> None:
    weights = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    data = _kept(OrderedDict(model={"weight": weights}, epoch=4), tmp_path).path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    assert length % 8 == 0
    assert header.pop("__metadata__")["format"] == "pt"
    assert header == {"state.model.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    assert data[8 + length :] == weights.numpy().tobytes()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"model": {"x": object()}}, "state.model.x is a object: keep tensors, arrays, numbers"),
        ({"set": {1, 2}}, "state.set is a set"),
        ([torch.eye(3).to_sparse()], "state.0 is a sparse, quantized or meta tensor"),
        ({"texts": np.array(["a"])}, "state.texts holds str32, which no checkpoint can"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_place(tmp_path: Path, what: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        checkpoint.save(what, tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_copied_and_a_folder_is_packed(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "kept"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "weights.bin").write_bytes(b"w" * 100_000)
    (source / "config.json").write_text("{}")
    packed = _kept(source, folder, 2)
    again = _kept(source, folder, 3)
    assert packed.sha256 == again.sha256
    unpacked = checkpoint.load(again.path)
    assert {one.relative_to(unpacked).as_posix(): one.read_bytes() for one in unpacked.rglob("*") if one.is_file()} == {
        "deep/weights.bin": b"w" * 100_000,
        "config.json": b"{}",
    }
    copied = _kept(str(source / "config.json"), folder, 4)
    assert copied.path.name == "step-000000000004.json"
    with pytest.raises(ValueError, match=r"is no state and no folder that was saved with trial.checkpoint"):
        checkpoint.load(copied.path)
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        checkpoint.save(tmp_path / "nothing", folder, 5)


def test_torch_files_are_read_without_unpickling(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"weight": torch.ones(2)}, path)
    assert _same(checkpoint.load(_kept(path, tmp_path / "kept").path), {"weight": torch.ones(2)})

    class Hostile:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "carried out",))

    torch.save({"weight": Hostile()}, path)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        checkpoint.load(_kept(path, tmp_path / "kept").path)
    assert not (tmp_path / "carried out").exists()


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside"])
def test_a_packed_folder_cannot_reach_outside(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in" / "step.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo(name)
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises(ValueError, match="would lie outside its folder"):
        checkpoint.load(path)
    assert not list(tmp_path.glob("outside"))


def test_a_link_in_a_packed_folder_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "step.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    assert list(checkpoint.load(path).iterdir()) == []


def test_a_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    path = _kept({"weight": torch.ones(100)}, tmp_path).path
    whole = path.read_bytes()
    path.write_bytes(whole[:-50])
    with pytest.raises(ValueError, match=r"the checkpoint is cut off: state.weight is not whole"):
        checkpoint.load(path)
    path.write_bytes(whole[:40])
    with pytest.raises(ValueError, match=r"was not written by trial.checkpoint, or is cut off"):
        checkpoint.load(path)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    for step in (5, 50, 500, 1000):
        _kept({"step": step}, tmp_path, step)
    names = sorted(one.name for one in tmp_path.iterdir())
    assert names == ["notes.txt", "step-000000000500.safetensors", "step-000000001000.safetensors"]


@pytest.fixture
def at_most_a_megabyte() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("at_most_a_megabyte")
def test_a_full_disk_leaves_the_last_checkpoint_and_nothing_half(tmp_path: Path) -> None:
    for step in (1, 2):
        _kept({"weight": torch.ones(1000)}, tmp_path, step)
    assert checkpoint.save({"weight": torch.ones(1 << 20)}, tmp_path, 3) is None
    # The older one was given up to make room.
    assert [one.name for one in tmp_path.iterdir()] == ["step-000000000002.safetensors"]
    assert state.is_state((tmp_path / "step-000000000002.safetensors").read_bytes())


def test_an_error_that_is_not_the_disks_is_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        checkpoint.save({"step": 1}, tmp_path / "file", 1)
