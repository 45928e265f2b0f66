"""Cross-entropy: minus the logarithm of the probability of the right class."""

from torch.nn import functional

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.techniques.loss import class_weights
from trainers.techniques.loss.targets import Loss, check_classes, of_classes
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="loss",
    name="cross_entropy",
    summary="minus the logarithm of the probability of the right class",
    paper="Bridle 1990: Probabilistic interpretation of feedforward classification network outputs",
    test="tests/unit/trainers/techniques/test_loss.py::test_it_is_pytorchs_own",
)


def make(chosen: Chosen, data: Data) -> Loss:
    """Of classes, or of shares of classes."""
    check_classes(TECHNIQUE.name, data, every=False)
    if class_weights.make(chosen, data) is None:
        if data.train.targets.ndim == 1:
            return functional.cross_entropy
        # PyTorch's own is one pass over the outputs.
        return lambda outputs, targets: functional.cross_entropy(
            outputs.flatten(0, -2), targets.flatten(0, -2) if targets.is_floating_point() else targets.flatten()
        )
    return of_classes(TECHNIQUE.name, chosen, data, lambda outputs: -functional.log_softmax(outputs, -1))
