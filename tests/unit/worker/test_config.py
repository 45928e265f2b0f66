"""The command line's values, and what is said of wrong ones."""

import pytest

from service.wire.worker import Gpu
from worker import config
from worker.config import Named
from worker.problems import WorkerProblem

GPU = Gpu(uuid="GPU-0", model="H100")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("digits-mlp", Named("digits-mlp", "digits-mlp")),
        ("my_file.py:train", Named("my_file", "my_file.py:train")),
        ("deep/er/my_file.py:objective", Named("my_file", "deep/er/my_file.py:objective")),
        ("my_file.py:other", Named("my_file.other", "my_file.py:other")),
        ("package.module:train", Named("package.module", "package.module:train")),
        ("mine=my file.py:train", Named("mine", "my file.py:train")),
        ("my file.py:train", Named("my-file", "my file.py:train")),
    ],
)
def test_trainers_have_names(given: str, named: Named) -> None:
    assert config.trainers([given], []) == (named,)


def test_a_command_is_a_trainer() -> None:
    assert config.trainers([], ["python", "x.py"]) == (Named("command", command=("python", "x.py")),)
    assert config.trainers(["mine"], ["python"]) == (Named("mine", command=("python",)),)


@pytest.mark.parametrize(
    ("given", "command", "says"),
    [
        ([], [], "--trainer is missing"),
        (["a", "a"], [], "two are called a"),
        (["a", "b"], ["python"], "can only give it a name"),
        (["a.py:train"], ["python"], "can only give it a name"),
        (["1x"], [], "--trainer '1x': must be a name"),
    ],
)
def test_wrong_trainers(given: list[str], command: list[str], says: str) -> None:
    with pytest.raises(WorkerProblem, match=says):
        config.trainers(given, command)


def test_labels_and_selectors() -> None:
    assert config.labels(["site=berlin,rack=b 2", "x=1"]) == {"site": "berlin", "rack": "b 2", "x": "1"}
    chosen = config.selectors(["study=größe", "tag=nightly", "tag=a=b"])
    assert (chosen.studies, chosen.tags) == (("größe",), ("nightly", "a=b"))


def test_durations() -> None:
    assert config.seconds("10m", "--x") == 600
    assert config.seconds("1.5", "--x") == 1.5
    assert config.seconds(None, "--x") is None
    for wrong in ("nan", "inf", "0", "-1", "soon", ""):
        with pytest.raises(WorkerProblem, match="--x"):
            config.seconds(wrong, "--x")


def test_parameters_are_read_as_json_or_text() -> None:
    given = ["a=1e-5", "b=true", "c=null", "d=adam", 'e="7"', "f=x=y"]
    assert config.params(given) == {"a": 1e-5, "b": True, "c": None, "d": "adam", "e": "7", "f": "x=y"}
    with pytest.raises(WorkerProblem, match="--param a: must be text"):
        config.params(["a=[1]"])
    with pytest.raises(WorkerProblem, match="--param a: must be NAME=VALUE"):
        config.params(["a"])


@pytest.mark.parametrize("wrong", ["", "host:8420", "ftp://host", "http://", "http://host:port", "http://host:0"])
def test_wrong_servers(wrong: str) -> None:
    with pytest.raises(WorkerProblem, match="must be a URL"):
        config.server(wrong)


def test_a_token_with_a_line_break_would_be_a_header_of_its_own() -> None:
    assert config.token(None, {"BASIN_TOKEN": "abc"}, None)() == "abc"
    assert config.token(None, {"BASIN_TOKEN": "abc"}, "given")() == "given"
    assert config.token(None, {}, None)() is None
    with pytest.raises(WorkerProblem, match="BASIN_TOKEN"):
        config.token(None, {"BASIN_TOKEN": "a\nb"}, None)


def test_slots_on_gpus_spread_over_all_of_them() -> None:
    other = Gpu(uuid="GPU-1", model="H100")
    slots = config.slots([GPU, other], 2, None, cores=16)
    assert [slot.gpu.uuid for slot in slots if slot.gpu] == ["GPU-0", "GPU-1", "GPU-0", "GPU-1"]
    assert slots[0].environment["CUDA_VISIBLE_DEVICES"] == "GPU-0"
    assert (slots[0].device, slots[0].share, slots[0].memory_fraction) == ("cuda", 0.5, 0.475)
    assert config.slots([GPU], None, None, cores=16)[0].memory_fraction is None


def test_slots_on_cores_share_them() -> None:
    slots = config.slots([], None, None, cores=4)
    assert [slot.environment["OMP_NUM_THREADS"] for slot in slots] == ["1"] * 4
    assert all(slot.environment["CUDA_VISIBLE_DEVICES"] == "" for slot in slots)
    assert "OMP_NUM_THREADS" not in config.slots([], None, 1, cores=4)[0].environment
    assert config.slots([], None, 2, cores=4)[0].environment["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize(
    ("gpus", "per_gpu", "count", "says"),
    [
        ([GPU], None, 2, "--slots is for workers without GPUs"),
        ([], 2, None, "this worker has no GPU"),
        ([], None, 0, "--slots 0: must be from 1"),
        ([GPU], 65, None, "--slots-per-gpu 65: must be from 1 to 64"),
    ],
)
def test_wrong_slots(gpus: list[Gpu], per_gpu: int | None, count: int | None, says: str) -> None:
    with pytest.raises(WorkerProblem, match=says):
        config.slots(gpus, per_gpu, count, cores=4)
