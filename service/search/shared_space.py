"""The search space that finished trials have in common, from the few sets of parameters that there are.

Optuna's own classes go through every trial and compare every distribution, for they cannot know that a study's space
never changes. Ours can: a study of ten thousand trials has one set of parameters, or as many as its conditions allow.
"""
# ruff: noqa: ARG002  # Optuna's signatures

from typing import cast

from optuna.distributions import BaseDistribution
from optuna.search_space import IntersectionSearchSpace
from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace, _SearchSpaceGroup
from optuna.study import Study
from optuna.trial import TrialState

from service.search.view import View

_COMPLETE = (TrialState.COMPLETE,)
_WITH_PRUNED = (TrialState.COMPLETE, TrialState.PRUNED)


class SharedSpace(IntersectionSearchSpace):
    """The parameters that every finished trial has."""

    def calculate(self, study: Study, use_cache: bool = False) -> dict[str, BaseDistribution]:
        """Their distributions, by name in alphabetical order."""
        shapes = cast(View, study._storage).snapshot.shapes(_WITH_PRUNED if self._include_pruned else _COMPLETE)
        names = set.intersection(*map(set, shapes)) if shapes else set()
        return {name: shapes[0][name] for name in sorted(names)}


class SharedGroups(_GroupDecomposedSearchSpace):
    """Groups of parameters such that each trial has all of a group or none of it."""

    def calculate(self, study: Study, use_cache: bool = False) -> _SearchSpaceGroup:
        """The groups. A set of parameters that has been taken in before would change nothing."""
        groups = _SearchSpaceGroup()
        for shape in cast(View, study._storage).snapshot.shapes(_WITH_PRUNED if self._include_pruned else _COMPLETE):
            groups.add_distributions(shape)
        return groups
