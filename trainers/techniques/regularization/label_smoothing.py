"""Label smoothing: a share of each target is given to all classes alike, so that no model grows too sure."""

from collections.abc import Callable

from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import IGNORED, Data
from trainers.space import BadParameter, real
from trainers.techniques.loss.targets import one_hot
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="label_smoothing",
    summary="a share of each target is given to all classes alike; the figures of validation are not smoothed",
    paper="Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016: Rethinking the inception architecture for computer vision",
    test="tests/unit/trainers/techniques/test_target.py::test_smoothing_is_pytorchs_own",
    dimensions=(
        real("label_smoothing", 0.0, 0.2, default=0.0, most=0.9, summary="share of a target given to all classes"),
    ),
)


def make(chosen: Chosen, data: Data) -> Callable[[Tensor], Tensor] | None:
    """What makes shares of targets, where it was chosen."""
    share = chosen.real("label_smoothing") if "label_smoothing" in chosen.dimensions else 0.0
    if not share:
        return None
    targets = data.train.targets
    if targets.is_floating_point():
        raise BadParameter("label_smoothing", f"must be 0 for {data.name}: it has no classes, but numbers to predict")
    if bool((targets == IGNORED).any()):
        raise BadParameter("label_smoothing", f"must be 0 for {data.name}: some of its steps have no target")
    return lambda targets: smooth(one_hot(targets, data.outputs), share)


def smooth(shares: Tensor, share: float) -> Tensor:
    """Shares of classes, drawn towards all being alike."""
    return shares * (1 - share) + share / shares.shape[-1]
