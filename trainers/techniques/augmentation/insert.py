"""Random insertion: a synonym of some word of a text is put in at some place."""

import torch
from torch import Tensor

from trainers.chosen import Chosen
from trainers.data.dataset import Data
from trainers.space import real
from trainers.techniques.augmentation import synonym, synonyms
from trainers.techniques.augmentation.applying import Augment
from trainers.techniques.augmentation.words import NONE, PAPER, hit, of_words, packed
from trainers.techniques.technique import Technique

TECHNIQUE = Technique(
    kind="augmentation",
    name="insert",
    summary="after this share of words a synonym of another word of the text is put in",
    paper=PAPER,
    test="tests/unit/trainers/techniques/test_words.py::test_words_are_put_in_between",
    dimensions=(
        real("aug_insert", 0.0, 0.3, default=0.0, most=1.0, summary="share of words after which one is put in"),
        *synonym.TECHNIQUE.dimensions[1:],
    ),
)


def make(chosen: Chosen, data: Data) -> Augment | None:
    """The augmentation, where it was chosen."""
    share = of_words("aug_insert", chosen, data)
    if not share:
        return None
    table = synonyms.table(data, chosen.text("synonyms")).to(data.train.targets.device)
    return lambda words, generator: insert(words, table, share, generator)


def insert(words: Tensor, table: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Some words put in; of a row that becomes too long the first words are left out."""
    count, length = words.shape
    # The words of a row are its last ones: a place among them is counted from the end.
    sizes = (words != NONE).sum(1, keepdim=True).clamp(min=1)
    drawn = torch.rand(words.shape, generator=generator, device=words.device)
    others = words.gather(1, length - 1 - (drawn * sizes).long().clamp(max=length - 1))
    new = synonym.replace(others, table, 1.0, generator)
    pairs = torch.stack([words, new], dim=2).reshape(count, 2 * length)
    kept = torch.stack([words != NONE, hit(words, share, generator)], dim=2).reshape(count, 2 * length)
    return packed(pairs, kept, length)
