"""What the pool knows at one moment: the model of a study's curves, and the trials that it could go on with."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from service.domain.trial import Trial
from service.search.pool.cube import Cube
from service.search.pool.curves import Seen, Sightings
from service.search.pool.model import CurveModel, Rows, Shape, depth, known_shape
from service.usecases.engine import History

SHAPE = "basin:curves"
PACE = "basin:pace"
RIDGE = 0.1
FEWEST = 8
NEAR = 0.1


@dataclass(frozen=True)
class Knowledge:
    """A study's curves as of one history, and the model of them. Nothing is worked out before it is looked at."""

    sightings: Sightings
    history: History
    seed: int

    @property
    def cube(self) -> Cube:
        """The space."""
        return self.sightings.cube

    @cached_property
    def seen(self) -> list[Seen]:
        """What all trials had to show."""
        return self.sightings.of(self.history)

    @cached_property
    def newest(self) -> dict[int, Seen]:
        """Where each trial is now."""
        return {one.number: one for one in self.seen if one.newest}

    @cached_property
    def most(self) -> float:
        """The most training that a trial has had; if none has completed, what the deepest may yet come to."""
        done = [at.amount for number, at in self.newest.items() if self.history.trials[number].state == "completed"]
        deepest = max((at.amount for at in self.newest.values()), default=1.0)
        return max(done) if done else 4.0 * deepest

    @cached_property
    def places(self) -> dict[int, np.ndarray]:
        """Where the trials lie that have shown something."""
        return {number: self.sightings.place(self.history.trials[number]) for number in self.newest}

    @property
    def enough(self) -> bool:
        """Whether there is enough to learn from."""
        return len(self.newest) >= FEWEST

    @cached_property
    def model(self) -> CurveModel:
        """The model of the curves."""
        order = sorted(self.places)
        row = {number: place for place, number in enumerate(order)}
        features = self.cube.features(np.array([self.places[number] for number in order]))
        # What could not be trained is as bad in the end as it was in the beginning.
        ends = [one for one in self.seen if self.history.trials[one.number].state == "infeasible"]
        seen = [*self.seen, *ends]
        rows = Rows(
            places=features[[row[one.number] for one in seen]],
            depths=np.array([depth(one.amount, self.most) for one in self.seen] + [1.0] * len(ends)),
            losses=np.array([one.loss for one in seen]),
            newest=np.array([one.newest for one in seen]),
        )
        return CurveModel(rows, self._shape(), np.random.default_rng(self.seed))

    @property
    def paused(self) -> list[Trial]:
        """The trials that could go on."""
        return [self.history.trials[number] for number in self.newest if self.history.trials[number].state == "paused"]

    @cached_property
    def pending(self) -> np.ndarray:
        """Where trials lie that wait or run and have shown nothing yet."""
        found = [
            self.sightings.place(trial)
            for number, trial in self.history.trials.items()
            if trial.state in {"queued", "running"} and number not in self.newest
        ]
        return np.array(found).reshape(len(found), len(self.cube.names))

    def gain(self, places: np.ndarray) -> np.ndarray:
        """What new trials at these places are expected to gain for their time; less where one pends near by."""
        features = self.cube.features(places)
        gain = self.model.gain(features) / np.sqrt(self.paces(places))
        # In a cube of many sides all points are far from one another: what is near grows with its diagonal.
        reach = NEAR**2 * max(len(self.cube.names), 1)
        for near in self.cube.features(self.pending):
            squares = ((features - near) ** 2).sum(axis=1)
            gain = gain * (1 - np.exp(-squares / (2 * reach)))
        return np.asarray(gain)

    def paces(self, places: np.ndarray) -> np.ndarray:
        """How long a unit of training takes at these places, fitted to the trials of which it is known; 1 if none."""
        timed = [number for number in self.places if PACE in self.history.trials[number].system]
        if len(timed) < FEWEST:
            return np.ones(len(places))
        paces = np.log([max(float(self.history.trials[number].system[PACE]), 1e-9) for number in timed])
        known = _terms(self.cube.features(np.array([self.places[number] for number in timed])))
        # A ridge: each parameter bends the time as it will, and none does so by chance.
        fitted = np.linalg.solve(known.T @ known + RIDGE * np.eye(known.shape[1]), known.T @ (paces - paces.mean()))
        bounds = paces.min(), paces.max()
        return np.asarray(np.exp(np.clip(paces.mean() + _terms(self.cube.features(places)) @ fitted, *bounds)))

    def stored(self) -> list[float]:
        """The model's shape, in the form in which it is kept with the study."""
        shape = self.model.shape
        return [] if shape is None else [float(shape.rows), *shape.theta]

    def _shape(self) -> Shape | None:
        return known_shape(self.history.system.get(SHAPE), self.cube.width + 1)

    def best_places(self, count: int) -> np.ndarray:
        """Where the best trials lie, the deepest trained first among equals."""
        best: dict[int, float] = {}
        for one in self.seen:
            best[one.number] = min(one.loss, best.get(one.number, math.inf))
        chosen = sorted(best, key=lambda number: (best[number], number))[:count]
        return np.array([self.places[number] for number in chosen]).reshape(len(chosen), len(self.cube.names))


def _terms(features: np.ndarray) -> np.ndarray:
    """A parabola for each feature."""
    return np.asarray(np.c_[np.ones(len(features)), features, features**2])
