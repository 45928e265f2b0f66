"""Accumulation: the gradient of a batch is gathered from pieces of it, so that less memory is needed."""

from collections.abc import Callable, Sequence

from torch import Tensor

from trainers.chosen import Chosen
from trainers.space import whole
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="gradient",
    name="accumulation",
    summary="a batch is computed in so many pieces and one step is taken: the same gradient in less memory",
    paper="folklore; exact but for batch normalisation, which sees the pieces",
    test="tests/unit/trainers/techniques/test_gradients.py::test_pieces_have_the_gradient_of_the_whole",
    dimensions=(whole("accumulate", 1, 8, default=1, searched=False, summary="pieces that a batch is computed in"),),
)


def make(chosen: Chosen) -> Callable[[Tensor], Sequence[Tensor]]:
    """What cuts the places of a batch's samples into those of its pieces."""
    pieces = chosen.whole("accumulate")
    return (lambda places: places.chunk(pieces)) if pieces > 1 else (lambda places: (places,))
