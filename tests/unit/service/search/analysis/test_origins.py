"""Where a trial's parameters come from: suggestions of the engine itself, explained afterwards."""

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.study import Study
from service.domain.trial import Trial
from service.search.analysis.origins import origins
from service.search.analysis.past import past
from service.search.engine import OptunaEngine
from service.usecases.engine import Curve, History
from tests.conformance.engine.drivers import NOW
from tests.unit.service.search.samples import curve, study

FLOATS: Mapping[str, Any] = {
    "x": {"type": "float", "low": 0, "high": 1},
    "y": {"type": "float", "low": 1e-4, "high": 1, "log": True},
}
CONDITIONAL: Mapping[str, Any] = {
    **FLOATS,
    "kind": {"type": "categorical", "choices": ["a", "b"]},
    "depth": {"type": "int", "low": 1, "high": 9, "when": {"kind": "b"}},
}
TWO = [{"metric": "loss"}, {"metric": "speed", "direction": "maximize"}]


class Play:
    """A study as the server runs it: suggestions are made with what is known, and some wait while others end."""

    def __init__(self, **fields: Any) -> None:
        self.engine = OptunaEngine()
        self.study: Study = study(1, **fields)
        self.trials: dict[int, Trial] = {}
        self.curves: dict[int, Curve] = {}
        self.ended = 0
        self.time = NOW

    @property
    def history(self) -> History:
        return History(self.study, dict(self.trials), dict(self.curves), dict(self.study.system))

    def suggest(self, number: int | None = None) -> Trial:
        """Make a suggestion, or make one anew that waits."""
        given = self.study.next_number if number is None else number
        made = self.engine.suggest(self.history, given)
        about = {
            "seq": self.study.seq,
            "ended": self.ended,
            "sampler": self.study.definition.sampler.model_dump(),
            "seed": self.study.definition.seed,
            "engine": "OptunaEngine",
            "note": made.note,
        }
        self.study = replace(self.study, system={**self.study.system, **made.study_system})
        if number is None:
            self.study = replace(self.study, next_number=given + 1)
        came = self.trials[given].created_at if number is not None else self.tick()
        trial = Trial(
            study_id=1,
            number=given,
            origin="sampled",
            params=made.params,
            system=made.system,
            suggestion=about,
            created_at=came,
        )
        return self.put(trial)

    def end(self, number: int, state: Any = "completed", *values: float) -> None:
        self.ended += 1
        told = dict(zip(("loss", "speed"), values, strict=False)) if state == "completed" else None
        self.curves[number] = curve(*values[:1]) if values else curve(9.0)
        self.put(replace(self.trials[number], state=state, values=told, finished_at=self.tick()))

    def put(self, trial: Trial) -> Trial:
        self.study = replace(self.study, seq=self.study.seq + 1)
        self.trials[trial.number] = replace(trial, seq=self.study.seq)
        return self.trials[trial.number]

    def tick(self) -> Any:
        self.time += timedelta(seconds=1)
        return self.time

    def run(self, count: int) -> None:
        """Trials one behind the other, with one ahead; some fail, some are stopped, some cannot be trained."""
        chance = random.Random(2)
        self.suggest()
        while self.study.next_number <= count:
            self.suggest()
            number = self.study.next_number - 2
            params = self.trials[number].params
            loss = (float(params["x"]) - 0.3) ** 2 + abs(math.log10(float(params["y"])) + 2)  # type: ignore[arg-type]
            state = {3: "failed", 5: "pruned", 8: "infeasible", 9: "cancelled"}.get(number % 12, "completed")
            self.end(number, state, loss, chance.random())


@pytest.mark.parametrize(
    ("space", "fields"),
    [
        (FLOATS, {"sampler": "tpe"}),
        (FLOATS, {"sampler": "random"}),
        (FLOATS, {"sampler": "cmaes"}),
        (FLOATS, {"sampler": "nsga2"}),
        (FLOATS, {"sampler": "qmc"}),
        (FLOATS, {"sampler": {"type": "qmc", "sequence": "halton"}}),
        (CONDITIONAL, {"sampler": {"type": "tpe", "group": True}}),
        (CONDITIONAL, {"sampler": "auto"}),
        (CONDITIONAL, {"sampler": "tpe", "objectives": TWO}),
    ],
    ids=str,
)
def test_the_same_is_suggested_again(space: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    play = Play(space=space, **fields)
    play.run(30)
    history = play.history
    for number in range(0, 30, 3):
        found = origins(history, play.trials[number])
        assert found.recomputed is not None
        assert (number, found.recomputed.state) == (number, "same")
        assert found.known is not None
        assert found.known.ended == (play.trials[number].suggestion or {})["ended"]
        assert list(found.known.pending) == ([number - 1] if number else [])
        assert found.drawn.study_seed == 3


def test_what_was_made_anew_and_what_it_knew() -> None:
    play = Play(space=FLOATS, sampler={"type": "tpe", "startup_trials": 3})
    play.run(12)
    for _ in range(2):
        play.suggest()
    play.end(12, "completed", 0.5)
    play.suggest(13)  # made anew, while 14 waits at a point that is still the same
    history = play.history
    found = origins(history, play.trials[13])
    assert found.recomputed is not None
    assert found.recomputed.state == "same"
    assert found.known is not None
    assert found.known.pending == (14,)


def test_a_neighbour_that_was_made_anew_since_is_doubted() -> None:
    play = Play(space=FLOATS, sampler={"type": "tpe", "startup_trials": 3})
    play.run(12)
    play.suggest()
    play.suggest()
    play.end(12, "completed", 0.5)
    play.suggest(13)
    (found,) = past(play.history, play.trials[14])
    assert found.doubts == ("trial 13 waited then at another point, which is no longer known",)
    assert (len(found.ended), found.pending) == (12, [12, 13])
    # What cannot be rebuilt is not said to be another suggestion.
    moved = replace(play.trials[14], params={"x": 0.5, "y": 0.5})
    told = origins(play.history, moved).recomputed
    assert told is not None
    assert (told.state, told.params) == ("unknown", None)
    assert told.reason == f"what was known then cannot be rebuilt: {found.doubts[0]}"


def test_a_trial_that_was_tried_again_since_is_missed() -> None:
    play = Play(space=FLOATS, sampler={"type": "tpe", "startup_trials": 3})
    play.run(12)
    play.put(replace(play.trials[3], state="queued", finished_at=None))
    (found,) = past(play.history, play.trials[11])
    assert found.doubts == ("10 trials had ended then, and 9 can still be told: some were tried again or changed",)


def test_other_parameters_are_told() -> None:
    play = Play(space=FLOATS, sampler="random")
    play.run(5)
    changed = replace(play.trials[4], params={"x": 0.5, "y": 0.5})
    found = origins(play.history, changed)
    assert found.recomputed is not None
    assert found.recomputed.state == "different"
    assert found.recomputed.params == play.trials[4].params


def test_the_sampler_is_named() -> None:
    play = Play(space=CONDITIONAL)
    play.run(40)
    said = [origins(play.history, play.trials[number]).drawn.by for number in (0, 39)]
    assert said[0].startswith("auto took a scrambled Sobol point: fewer than 16")
    model = "auto drew it by a tree-structured Parzen estimator, because 'depth' does not always take part."
    sobol = "auto took a scrambled Sobol point: there was too little to learn from yet, or it was the turn"
    assert said[1] == model or said[1].startswith(sobol)
    early = Play(space=FLOATS, sampler="tpe")
    early.run(3)
    assert origins(early.history, early.trials[2]).drawn.by.startswith("tpe drew it at random")


def test_models_say_what_they_expect() -> None:
    play = Play(space=FLOATS, sampler={"type": "tpe", "startup_trials": 5})
    play.run(40)
    found = origins(play.history, play.trials[39])
    density, gaussian = found.outlooks
    assert density.density_ratio is not None
    assert density.density_ratio > 1  # it is what was maximized among 24 points
    assert gaussian.mean is not None
    assert gaussian.sd is not None
    known = [one for one in play.trials.values() if one.number < 38 and one.state == "completed"]
    assert gaussian.best == min((one.values or {})["loss"] for one in known)
    assert f"on the {len(known)} completed trials" in gaussian.model
    assert gaussian.expected_gain is not None
    assert gaussian.expected_gain >= 0


def test_the_nearest_come_first() -> None:
    play = Play(space=FLOATS, sampler="random")
    play.run(20)
    trial = play.trials[19]
    found = origins(play.history, trial)
    assert [one.distance for one in found.neighbours] == sorted(one.distance for one in found.neighbours)

    def far(other: Trial) -> float:
        across = [math.log(float(one.params["y"])) / math.log(1e4) for one in (trial, other)]  # type: ignore[arg-type]
        return math.hypot(float(trial.params["x"]) - float(other.params["x"]), across[0] - across[1])  # type: ignore[arg-type]

    known = [one for one in play.trials.values() if one.number < 18]
    nearest = min(known, key=far)
    assert found.neighbours[0].number == nearest.number
    assert found.neighbours[0].distance == pytest.approx(far(nearest))


@pytest.mark.parametrize(("origin", "said"), [("enqueued", "A client enqueued this point"), ("added", "ran elsewhere")])
def test_who_gave_it(origin: Any, said: str) -> None:
    play = Play(space=FLOATS, sampler="random")
    play.run(8)
    given = Trial(study_id=1, number=8, origin=origin, params={"x": 0.5, "y": 0.5}, created_at=play.tick())
    play.put(replace(given, number=play.study.next_number))
    found = origins(play.history, play.trials[play.study.next_number])
    assert said in found.drawn.by
    assert (found.recomputed, found.drawn.trial_seed) == (None, None)
    assert found.known is not None
    assert found.known.ended == 8
    assert len(found.neighbours) == 5


def test_the_first_trial_has_no_past() -> None:
    play = Play(space=FLOATS, sampler="tpe")
    play.suggest()
    found = origins(play.history, play.trials[0])
    assert (list(found.outlooks), list(found.neighbours)) == ([], [])
    assert found.recomputed is not None
    assert found.recomputed.state == "same"
