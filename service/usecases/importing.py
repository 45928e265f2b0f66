"""A study of another program, as it would be in ours: what an importer hands over to be added."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from service.domain.errors import BasinError
from service.wire.message import Scalar
from service.wire.study import StudyDefinition
from service.wire.trial import NewTrial

Running = Literal["failed", "queued", "leave-out"]
"""What becomes of trials that seem to be running in the other program."""


class CannotImport(BasinError):
    """What was to be imported cannot be read, or cannot be a study here."""

    code = "cannot_import"

    def __init__(self, message: str | None = None, what_to_do: str | None = None) -> None:
        super().__init__(message)
        self.what_to_do = what_to_do


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which study is to be imported, and how: its name here, and values for parameters that some trials lack."""

    url: str
    study: str | None = None
    name: str | None = None
    running: Running = "failed"
    fill: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A trial of another program: its number there, and what it is here."""

    number: int
    trial: NewTrial


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A study with its trials in their order. `left_out` counts those that cannot be taken, by the reason.

    `states` counts the trials as the other program has them; `notes` say what is different here.
    """

    study: str
    definition: StudyDefinition
    arrivals: tuple[Arrival, ...]
    states: Mapping[str, int]
    left_out: Mapping[str, int]
    notes: tuple[str, ...]
