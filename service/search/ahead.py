"""What some samplers need takes a second to load: it is loaded beside all else, before somebody waits for it."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from service.search import auto
from service.wire.study import StudyDefinition

_NEEDED = {"cmaes": ("cmaes",), "qmc": ("scipy.stats.qmc",)}


def needed(definition: StudyDefinition) -> tuple[str, ...]:
    """The modules of a study's samplers that are no models; `auto` begins with points of `qmc`."""
    sampler = definition.sampler.type
    names = (sampler,) if sampler != "auto" else ("qmc", auto.plan(definition).model.name)
    return tuple(module for name in names for module in _NEEDED.get(name, ()))


def load(modules: Sequence[str]) -> None:
    """Load them. Whoever needs one that is not there in earnest will say so."""
    for module in modules:
        with suppress(ImportError):
            import_module(module)


def load_beside(modules: Sequence[str]) -> None:
    """Load them, and let nobody wait for that."""
    threading.Thread(target=load, args=(modules,), name="basin-load", daemon=True).start()
