"""How far samples that were made are from true ones. All of it stays on the device."""

import torch
from torch import Tensor


def energy(some: Tensor, others: Tensor) -> Tensor:
    """The energy distance of two clouds of points (Szekely, Rizzo 2013): 0 in the mean if both are of one distribution.

    It is estimated without bias, and may be a little below 0.
    """
    across = torch.cdist(some, others).mean()
    return 2 * across - _within(some) - _within(others)


def _within(points: Tensor) -> Tensor:
    """The mean distance between two different points."""
    count = len(points)
    return torch.cdist(points, points).sum() / (count * (count - 1))


def covered(points: Tensor, centres: Tensor, deviation: float) -> tuple[Tensor, Tensor]:
    """How many modes are covered, and which share of points is good.

    A point is good if it is within three deviations of a centre. A mode is covered if it has at least a quarter of the
    good points that it would have if all points were good and shared out evenly.
    """
    apart, nearest = torch.cdist(points, centres).min(1)
    good = apart <= 3 * deviation
    # Those that are not good are counted in a place of their own.
    places = torch.where(good, nearest, len(centres))
    each = torch.bincount(places, minlength=len(centres) + 1)[:-1]
    return (each >= len(points) / (4 * len(centres))).sum(), good.float().mean()


def frechet(some: Tensor, others: Tensor) -> Tensor:
    """The Frechet distance between two clouds of features as if they were normal (Heusel et al. 2017)."""
    some, others = some.double(), others.double()
    one, other = torch.cov(some.T), torch.cov(others.T)
    apart = (some.mean(0) - others.mean(0)).square().sum()
    # The trace of the root of a product is that of the roots of its eigenvalues; so written it is symmetric.
    root = _root(one)
    both = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum()
    found: Tensor = apart + one.trace() + other.trace() - 2 * both
    return found


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root
