"""Texts as rows of words: numbers of a vocabulary, 0 where there is none, the last word at the end of its row."""

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import BadParameter

PAPER = "Wei, Zou 2019: EDA: easy data augmentation techniques for boosting performance on text classification tasks"
NONE = 0
"""Where there is no word."""


def of_words(name: str, chosen: Chosen, data: Data) -> float:
    """Which share of words is changed; 0 where it was not chosen. Refused where there are no words."""
    share = chosen.real(name) if name in chosen.dimensions else 0.0
    if share and not data.vocabulary:
        raise BadParameter(name, f"must be 0 for {data.name}: it changes words, and this has none")
    return share


def hit(words: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Which words are changed: each with the same probability."""
    return (torch.rand(words.shape, generator=generator, device=words.device) < share) & (words != NONE)


def packed(words: Tensor, kept: Tensor, length: int) -> Tensor:
    """Rows of the words that are kept, in their order; of those that are too many the first ones are left out."""
    places = length - kept.flip(1).cumsum(1).flip(1)
    # What is not kept goes to a column beyond the row, which is cut off.
    places = torch.where(kept & (places >= 0), places, length)
    rows = torch.full((len(words), length + 1), NONE, dtype=words.dtype, device=words.device)
    return rows.scatter(1, places, words)[:, :length]
