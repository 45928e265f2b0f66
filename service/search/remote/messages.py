"""What travels between the server and the process that samples for it: Python objects, over two pipes of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.reduction import ForkingPickler
from types import MappingProxyType
from typing import Any

from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.engine import Curve, System

Key = tuple[int, str, datetime]
"""What tells a study from any other, also from one that had its id or its name before it was deleted."""


@dataclass(frozen=True, slots=True)
class Begin:
    """The first message: how the engine is made."""

    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ready:
    """The other side's first message: it has started, and answers at once from now on."""


@dataclass(frozen=True, slots=True)
class Load:
    """Import modules that will be needed, before somebody waits for it. It is not answered."""

    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed in a study's trials and curves, and the numbers of those that are not there any more."""

    trials: tuple[Trial, ...] = ()
    curves: Mapping[int, Curve] = field(default_factory=dict)
    without_trials: tuple[int, ...] = ()
    without_curves: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """Take note of changes. It is not answered."""

    key: Key
    changes: Changes


@dataclass(frozen=True, slots=True)
class Forget:
    """Forget a study. It is not answered."""

    key: Key


@dataclass(frozen=True, slots=True)
class Call:
    """Call a method of the engine with the history of a study, as it is by now, and what else it is given."""

    key: Key
    study: Study
    system: System
    method: str
    given: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a call: what the method returned, or what it raised."""

    value: Any = None
    raised: BaseException | None = None


def _read_only(content: dict[Any, Any]) -> "MappingProxyType[Any, Any]":
    return MappingProxyType(content)


def _reduced(mapping: "MappingProxyType[Any, Any]") -> tuple[Any, ...]:
    return _read_only, (dict(mapping),)


# Trials hold empty ones by default, and Python does not send them by itself.
ForkingPickler.register(MappingProxyType, _reduced)
