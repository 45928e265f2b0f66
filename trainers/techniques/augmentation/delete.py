"""Random deletion: words are left out of a text."""

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import real
from trainers.techniques.augmentation.applying import Augment
from trainers.techniques.augmentation.words import NONE, PAPER, hit, of_words, packed
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="augmentation",
    name="delete",
    summary="this share of words is left out, but never all of a text",
    paper=PAPER,
    test="tests/unit/trainers/techniques/test_words.py::test_words_are_left_out_and_the_order_stays",
    dimensions=(real("aug_delete", 0.0, 0.3, default=0.0, most=1.0, summary="share of words left out"),),
)


def make(chosen: Chosen, data: Data) -> Augment | None:
    """The augmentation, where it was chosen."""
    share = of_words("aug_delete", chosen, data)
    return (lambda words, generator: delete(words, share, generator)) if share else None


def delete(words: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Some words left out; a text of which nothing would be left stays as it is."""
    kept = (words != NONE) & ~hit(words, share, generator)
    return torch.where(kept.any(1, keepdim=True), packed(words, kept, words.shape[1]), words)
