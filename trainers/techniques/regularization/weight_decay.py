"""Weight decay: weights are drawn towards zero; biases and the scales of normalisations are not."""

from torch import nn

from trainers.space import real
from trainers.techniques.technique import Groups, Technique

TECHNIQUE = Technique(
    kind="regularization",
    name="weight_decay",
    summary="weights are drawn to zero by the optimizer: as L2 by most, decoupled by `adamw`, `lion`, `schedule_free`",
    paper="Krogh, Hertz 1991: A simple weight decay can improve generalization",
    test="tests/unit/trainers/techniques/test_penalties.py::test_weight_decay_spares_biases",
    dimensions=(
        real("weight_decay", 1e-6, 1e-1, log=True, default=0.0, summary="how strongly weights are drawn to zero"),
    ),
)


def weights(module: nn.Module) -> list[nn.Parameter]:
    """What decays and is penalised: everything but biases and the scales of normalisations."""
    return [one for one in module.parameters() if one.requires_grad and one.ndim > 1]


def groups(module: nn.Module, decay: float) -> Groups:
    """The parameters as an optimizer takes them."""
    others = [one for one in module.parameters() if one.requires_grad and one.ndim <= 1]
    both = [{"params": weights(module), "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in both if group["params"]]
