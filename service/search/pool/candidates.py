"""Candidates: points to choose from, some from anywhere and some from the neighbourhood of the best."""

import numpy as np

from service.search.pool.knowledge import Knowledge

ANYWHERE = 128
BEST = 8
NEIGHBOURS = 5
REACHES = (0.05, 0.2)
BOLD = 0.5
SAME = 0.01


def candidates(known: Knowledge, chance: np.random.Generator) -> np.ndarray:
    """Places of the space to choose from."""
    width = len(known.cube.names)
    groups = [chance.random((ANYWHERE, width))]
    for place in known.best_places(BEST):
        for reach in REACHES:
            moves = chance.normal(0, reach, (NEIGHBOURS, width)) * (chance.random((NEIGHBOURS, width)) < 0.5)
            # At its reach a choice without order seldom changes by a small move: some are drawn anew.
            anew = chance.random((NEIGHBOURS, width)) < reach / 2
            groups.append(np.where(anew, chance.random((NEIGHBOURS, width)), np.clip(place + moves, 0, 1)))
    return known.cube.valid(np.concatenate(groups))


def choice(known: Knowledge, chance: np.random.Generator) -> np.ndarray:
    """The place to try: by what is expected of it for its time, or by the best end it may boldly be thought to have.

    Each every other time. What is expected clings to the neighbourhood of what is known to be good; boldness leaves it.
    """
    places = candidates(known, chance)
    if chance.random() < BOLD:
        mean, deviation = known.model.at_the_end(known.cube.features(places))
        bold = mean + abs(chance.normal()) * deviation
        return np.asarray(places[int(np.argmax(np.where(_pends(known, places), -np.inf, bold)))])
    return np.asarray(places[int(np.argmax(known.gain(places)))])


def _pends(known: Knowledge, places: np.ndarray) -> np.ndarray:
    """Which places are as good as the same as one at which a trial waits or runs that has shown nothing yet."""
    found = np.zeros(len(places), bool)
    for place in known.pending:
        found |= known.cube.distances(places, place) < SAME
    return found
