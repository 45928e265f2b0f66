"""A trained model as files that anybody can read: its weights, how its inputs were scaled, and what it is.

`model.safetensors` holds the weights under their own names, `scaling.safetensors` the means and deviations that inputs
(and targets that are numbers) were scaled by, `config.json` everything else. `model.onnx` is there where torch's
exporter is: it needs the packages onnx and onnxscript.
"""

import contextlib
import importlib.metadata
import importlib.util
import io
import json
import platform
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainers import state
from trainers.api import Trial
from trainers.chosen import Chosen
from trainers.data.catalog import Unsealed
from trainers.data.scaling import Scale
from trainers.models.catalog import MODELS
from trainers.models.gan import Adversaries
from trainers.models.model import Model
from trainers.techniques.regularization import orthogonal_kernels

FORMAT = 1
WEIGHTS, SCALING, CONFIG, ONNX = "model.safetensors", "scaling.safetensors", "config.json", "model.onnx"
_NEEDED = ("onnx", "onnxscript")


@dataclass(frozen=True, slots=True)
class Opened:
    """A model as it was kept, ready to be asked; `config` is what the file says."""

    model: nn.Module
    inputs: Scale | None
    targets: Scale | None
    config: Mapping[str, Any]

    @torch.no_grad()
    def __call__(self, inputs: Tensor) -> Tensor:
        """What the model says of inputs as they were measured: scaled here, and back where it says numbers.

        A generator makes samples of rows of normal numbers: `opened.model.chance(8, torch.Generator())` draws some.
        """
        outputs: Tensor = self.model(inputs if self.inputs is None else self.inputs(inputs))
        return outputs if self.targets is None else outputs * self.targets.deviation + self.targets.mean


def write(
    folder: Path,
    network: nn.Module,
    model: Model,
    chosen: Chosen,
    trial: Trial,
    of: Unsealed,
    figures: Mapping[str, float],
) -> None:
    """Write all files of a model into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _tensors(folder / WEIGHTS, dict(network.state_dict()))
    _tensors(folder / SCALING, _scales({"inputs": of.inputs, "targets": of.targets}))
    said = _config(model, chosen, trial, of, figures)
    (folder / CONFIG).write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _onnx(network, of, folder / ONNX, trial.log)


def opened(folder: str | Path) -> Opened:
    """The model in a folder, on the CPU. Nothing in it is carried out but Basin's own code."""
    place = Path(folder)
    config = json.loads((place / CONFIG).read_text(encoding="utf-8"))
    if config.get("format") != FORMAT:
        raise ValueError(f"{place / CONFIG}: format {config.get('format')!r} is not known here; this reads {FORMAT}")
    kept, data = config["model"], config["data"]
    model = MODELS[kept["name"]]
    dimensions = (*model.dimensions, *orthogonal_kernels.TECHNIQUE.dimensions)
    known = {one.name for one in dimensions}
    chosen = Chosen(dimensions, {name: value for name, value in kept["chosen"].items() if name in known})
    network = model.build(tuple(data["shape"]), data["outputs"], chosen)
    orthogonal_kernels.make(chosen, network)
    network.load_state_dict(state.read(place / WEIGHTS))
    scales = state.read(place / SCALING)
    return Opened(network.eval(), _scale(scales, "inputs"), _scale(scales, "targets"), config)


def _tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    with path.open("wb") as file:
        state.Plan(tensors, root="").write(file)


def _scales(scales: Mapping[str, Scale | None]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, scale in scales.items():
        if scale is not None:
            found |= {f"{name}_mean": scale.mean, f"{name}_deviation": scale.deviation}
    return found


def _scale(scales: Mapping[str, Tensor], name: str) -> Scale | None:
    mean = scales.get(f"{name}_mean")
    return None if mean is None else Scale(mean, scales[f"{name}_deviation"])


def _config(model: Model, chosen: Chosen, trial: Trial, of: Unsealed, figures: Mapping[str, float]) -> dict[str, Any]:
    data = of.data
    return {
        "format": FORMAT,
        "study": trial.study,
        "trial": trial.number,
        "seed": trial.seed,
        "params": trial.params,
        "settings": trial.settings,
        "model": {"name": model.name, "chosen": chosen.values},
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "task": data.task,
            "shape": list(data.shape),
            "outputs": data.outputs,
            "labels": list(data.labels),
            "learned_from": len(data.train),
            "tested_on": len(of.test),
        },
        "test": dict(figures),
        "versions": {
            "basin": importlib.metadata.version("basin"),
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }


def _example(network: nn.Module, of: Unsealed) -> Tensor:
    """Two inputs: what a generator is given is chance."""
    if isinstance(network, Adversaries):
        return network.chance(2, torch.Generator().manual_seed(0))
    return of.test.taken(of.test.inputs[:2])


def _onnx(network: nn.Module, of: Unsealed, path: Path, log: Callable[[object], None]) -> None:
    """Write the model for other programs, where the packages that torch needs for it are there."""
    if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
        log(f"no {ONNX}: torch's exporter needs {' and '.join(missing)}, which this worker does not have")
        return
    first = _example(network, of).cpu()
    copy = network.to("cpu").eval()
    quiet = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                copy, (first,), str(path), dynamo=True, dynamic_shapes=({0: "batch"},), external_data=False
            )
    except Exception as error:  # noqa: BLE001
        # What the exporter cannot do is no reason to lose a model that is there.
        path.unlink(missing_ok=True)
        log(f"no {ONNX}: torch's exporter cannot write this model: {type(error).__name__}")
