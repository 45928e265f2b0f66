"""Parts that the data name themselves: train, validation and test, and the other words that people have for them."""

from collections.abc import Callable, Iterable, Mapping

from trainers.space import BadParameter

_WORDS: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def part(word: str) -> str | None:
    """The part that a word stands for."""
    return _WORDS.get(word.strip().lower())


def parts_of(words: Iterable[str | None], at: Callable[[int], str]) -> tuple[str, ...]:
    """The part of each sample; `at` says where a sample's word stands."""
    parts: list[str] = []
    for place, word in enumerate(words):
        found = part(word or "")
        if found is None:
            raise BadParameter("split_column", f"must be train, validation or test, but {at(place)} is {word!r}")
        parts.append(found)
    if "train" not in parts:
        raise BadParameter("split_column", "names no sample for training: none is called train")
    return tuple(parts)
