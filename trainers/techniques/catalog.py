"""All techniques, found by walking this package: whoever adds a file has added a technique."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from trainers import techniques
from trainers.proposal import holds
from trainers.space import Dimension, Scalar, When, choice
from trainers.techniques.technique import Kind, Technique

CHOICES: Mapping[Kind, tuple[str, str]] = {
    "optimizer": ("optimizer", "how a step is made of a gradient"),
    "schedule": ("schedule", "how the learning rate changes while training"),
    "loss": ("loss", "what training makes small"),
    "activation": ("activation", "what a unit makes of its sum"),
    "initialisation": ("init", "what weights are before the first step"),
    "normalisation": ("norm", "what holds the scale of activations"),
    "precision": ("precision", "the numbers that are computed with"),
}
"""The kinds of which one technique is chosen, by the dimension that chooses. Of the others any number go together."""


def _walk() -> dict[str, ModuleType]:
    found = {}
    for _, name, is_package in pkgutil.walk_packages(techniques.__path__, "trainers.techniques."):
        module = importlib.import_module(name)
        if not is_package and hasattr(module, "TECHNIQUE"):
            found[name] = module
    return found


_MODULES = _walk()
TECHNIQUES: tuple[Technique, ...] = tuple(one.TECHNIQUE for one in _MODULES.values())


def values(kind: Kind) -> list[str]:
    """The techniques of a kind that exclude each other, by name."""
    return [one.name for one in TECHNIQUES if one.kind == kind and not one.with_others]


def maker(kind: Kind, name: str) -> Any:
    """The function `make` of a technique."""
    for module in _MODULES.values():
        technique: Technique = module.TECHNIQUE
        if (technique.kind, technique.name) == (kind, name):
            return module.make
    raise KeyError(f"there is no {kind} {name!r}")


def choice_of(kind: Kind, *only: str, default: Scalar, searched: bool = True, when: When | None = None) -> Dimension:
    """The dimension that chooses a technique of a kind: of all that there are, or of some."""
    name, summary = CHOICES[kind]
    return choice(name, *(only or values(kind)), default=default, summary=summary, searched=searched, when=when)


def dimensions(kind: Kind, *only: str) -> tuple[Dimension, ...]:
    """What the techniques of a kind add, each dimension once, and only where one that has it is chosen."""
    some = [one for one in TECHNIQUES if one.kind == kind and (not only or one.name in only or one.with_others)]
    excluding = [one for one in some if not one.with_others]
    every = {one.name: one for technique in some for one in technique.dimensions}
    return tuple(_conditional(kind, one, excluding) for one in every.values())


def clashes(chosen: Mapping[str, Scalar]) -> list[tuple[str, tuple[str, ...]]]:
    """The techniques that cannot be used together as they were chosen: why, and which dimensions say so."""
    return [
        (clash.why, tuple(clash.when))
        for technique in TECHNIQUES
        for clash in technique.clashes
        if all(name in chosen and holds(test, chosen[name]) for name, test in clash.when.items())
    ]


def _conditional(kind: Kind, dimension: Dimension, excluding: Iterable[Technique]) -> Dimension:
    having = [one.name for one in excluding if dimension in one.dimensions]
    if kind not in CHOICES or not having or len(having) == len(list(excluding)):
        return dimension
    when = {CHOICES[kind][0]: having[0] if len(having) == 1 else having, **dimension.entry.get("when", {})}
    return replace(dimension, entry={**dimension.entry, "when": when})
