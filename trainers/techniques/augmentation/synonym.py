"""Synonym replacement: a word gives way to one that means much the same."""

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import real, text
from trainers.techniques.augmentation import synonyms
from trainers.techniques.augmentation.applying import Augment
from trainers.techniques.augmentation.words import PAPER, hit, of_words
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="augmentation",
    name="synonym",
    summary="this share of words gives way to synonyms, of a small table of English or of your own file",
    paper=PAPER,
    test="tests/unit/trainers/techniques/test_words.py::test_words_give_way_to_their_synonyms",
    dimensions=(
        real("aug_synonym", 0.0, 0.3, default=0.0, most=1.0, summary="share of words replaced by synonyms"),
        text("synonyms", summary="file with a group of synonyms a line, between commas; a table of English otherwise"),
    ),
)


def make(chosen: Chosen, data: Data) -> Augment | None:
    """The augmentation, where it was chosen."""
    share = of_words("aug_synonym", chosen, data)
    if not share:
        return None
    table = synonyms.table(data, chosen.text("synonyms")).to(data.train.targets.device)
    return lambda words, generator: replace(words, table, share, generator)


def replace(words: Tensor, table: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Some words replaced; `table` has a row of synonyms for each word, itself where it has none."""
    which = torch.randint(table.shape[1], words.shape, generator=generator, device=words.device)
    return torch.where(hit(words, share, generator), table[words, which], words)
