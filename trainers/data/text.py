"""Texts, read character by character: Python's own documentation, or files of the user's."""

from collections import Counter
from pathlib import Path

import numpy as np
import torch

from trainers.data import fingerprint
from trainers.data.wanted import Wanted
from trainers.data.whole import Whole
from trainers.space import BadParameter

MOST_SYMBOLS = 256
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_ENDINGS = (".txt", ".md", ".py", ".rst")


def python_docs(wanted: Wanted) -> Whole:
    """The help texts that come with Python, some 700 kB of English. Another Python may have others."""
    from pydoc_data.topics import topics

    return _whole("\n\n".join(topics[name] for name in sorted(topics)), wanted, "Python's help texts")


def own(wanted: Wanted) -> Whole:
    """A file of UTF-8, or all texts of a folder in the order of their names."""
    path = Path(wanted.path).expanduser()
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.suffix in _ENDINGS and one.is_file())
        if not files:
            raise BadParameter("path", f"{path} has no file that ends in {', '.join(_ENDINGS)}")
        return _whole("\n\n".join(map(_read, files)), wanted, str(path))
    return _whole(_read(path), wanted, str(path))


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadParameter("path", f"{path}, line {line}: byte {error.start} is no UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise BadParameter("path", f"{path} cannot be read: {error.strerror}") from None


def _whole(text: str, wanted: Wanted, source: str) -> Whole:
    if wanted.characters:
        text = text[: wanted.characters]
    count = (len(text) - 1) // wanted.context
    if count < 3:
        raise BadParameter(
            "context", f"is {wanted.context}, but {source} has {len(text):,} characters: three samples need more"
        )
    vocabulary = _vocabulary(text)
    place = {one: number for number, one in enumerate(vocabulary)}
    rare = place.get(UNKNOWN, 0)
    tokens = torch.from_numpy(np.array([place.get(one, rare) for one in text], dtype=np.int64))
    used = count * wanted.context
    return Whole(
        task="language",
        inputs=tokens[:used].reshape(count, wanted.context),
        targets=tokens[1 : used + 1].reshape(count, wanted.context),
        outputs=len(vocabulary),
        fingerprint=fingerprint.of_texts([text]),
        labels=tuple(vocabulary),
        ordered=True,
        where=lambda sample: f"characters {sample * wanted.context} to {(sample + 1) * wanted.context}",
    )


def _vocabulary(text: str) -> list[str]:
    """The characters, in their order; beyond the most frequent ones, one sign stands for all others."""
    counts = Counter(text)
    if len(counts) <= MOST_SYMBOLS:
        return sorted(counts)
    frequent = sorted(counts, key=lambda one: (-counts[one], one))[: MOST_SYMBOLS - 1]
    return sorted({*frequent, UNKNOWN})
