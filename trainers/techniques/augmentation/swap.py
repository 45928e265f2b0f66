"""Random swap: some words of a text change places with each other."""

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import real
from trainers.techniques.augmentation.applying import Augment
from trainers.techniques.augmentation.words import PAPER, hit, of_words
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="augmentation",
    name="swap",
    summary="this share of words change places with each other",
    paper=PAPER,
    test="tests/unit/trainers/techniques/test_words.py::test_words_change_places",
    dimensions=(real("aug_swap", 0.0, 0.3, default=0.0, most=1.0, summary="share of words that change places"),),
)


def make(chosen: Chosen, data: Data) -> Augment | None:
    """The augmentation, where it was chosen."""
    share = of_words("aug_swap", chosen, data)
    return (lambda words, generator: swap(words, share, generator)) if share else None


def swap(words: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Some words of each text, put anew into their places by chance."""
    moving = hit(words, share, generator)
    drawn = torch.rand(words.shape, generator=generator, device=words.device)
    # Both orders begin with the places of words that move and go on with the others, which so stay where they are.
    into = torch.where(moving, 0.0, 2.0).argsort(dim=1, stable=True)
    outof = torch.where(moving, drawn, 2.0).argsort(dim=1, stable=True)
    return words.scatter(1, into, words.gather(1, outof))
