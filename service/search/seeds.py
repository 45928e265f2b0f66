"""Seeds: which randomness a suggestion is drawn from, told by the study's seed and the trial's number alone."""

from dataclasses import dataclass
from hashlib import blake2b

from service.domain.study import Study

_NUMPY = 2**32


def hash64(*parts: int | str) -> int:
    """A whole number below 2**64 that is the same for the same parts on every machine, now and later."""
    text = ":".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


@dataclass(frozen=True, slots=True)
class Seeds:
    """The seeds of one suggestion, small enough for NumPy.

    `study` is for what must be one sequence over all trials (a grid's order, a Sobol scramble), `trial` for the rest.
    """

    study: int
    trial: int


def seeds(study: Study, number: int, attempt: int = 0) -> Seeds:
    """The seeds for a trial; another attempt at suggesting it draws other randomness."""
    # A study without a seed of its own cannot come from the server, which draws one. Its name is as good as any.
    root: int | str = study.name if study.definition.seed is None else study.definition.seed
    trial = hash64(root, number, attempt) if attempt else hash64(root, number)
    return Seeds(study=hash64(root) % _NUMPY, trial=trial % _NUMPY)
