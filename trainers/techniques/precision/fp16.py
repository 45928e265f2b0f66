"""Half precision: small gradients would vanish, so the loss is scaled up, and gradients are scaled down again."""

import torch

from trainers.space import BadParameter
from trainers.techniques.technique import Numbers, Technique

TECHNIQUE = Technique(
    kind="precision",
    name="fp16",
    summary="products in half precision on a GPU; the loss is scaled so that small gradients do not vanish",
    paper="Micikevicius, Narang, Alben et al. 2018: Mixed precision training",
    test="tests/unit/trainers/techniques/test_precision.py::test_the_scaler_saves_small_gradients",
)


def make(device: torch.device) -> Numbers:
    """How is computed; refused on a CPU."""
    if device.type == "cpu":
        raise BadParameter("precision", "fp16 needs a GPU: this trial runs on a CPU, where bf16 and fp32 are to be had")
    return Numbers(torch.float16, scaler(device))


def scaler(device: torch.device) -> torch.amp.GradScaler:
    """Scales losses up, gradients down, and leaves out steps whose gradients are not finite."""
    return torch.amp.GradScaler(device.type)
