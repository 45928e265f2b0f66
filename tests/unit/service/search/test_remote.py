"""Sampling in another process, without the process: what is sent, what is made of it there, and what is heavy."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from multiprocessing.reduction import ForkingPickler
from random import Random
from typing import Any, cast

import pytest

from service.domain.errors import Unavailable
from service.search.engine import OptunaEngine
from service.search.following import Follower
from service.search.remote.changes import Copy, Known, key_of, pieces
from service.search.remote.child import Child
from service.search.remote.divided import MANY_FOR_TPE, MANY_TRIALS, DividedEngine, weight, weight_to_promote
from service.search.remote.engine import RemoteEngine
from service.search.remote.loop import serve
from service.search.remote.messages import Answer, Call, Forget, Load, Ready, Update
from service.usecases.engine import Exhausted, History, Trail
from tests.unit.service.search.samples import PARAMS, SMALL, curve, history, latest, study, trial


def known(count: int, **fields: Any) -> History:
    trials = [trial(number, params={**PARAMS, "rate": 0.1 / (number + 1)}) for number in range(count)]
    return history(study(count, **fields), trials, {number: curve(1.0, 0.5) for number in range(count)})


def grown(before: History, number: int, seq: int = 0, **fields: Any) -> History:
    """The history once a trial has changed."""
    seq = seq or before.study.seq + 1
    changed = replace(before.trials[number], seq=seq, **fields)
    return replace(before, study=replace(before.study, seq=seq), trials={**before.trials, number: changed})


class Inside:
    """The other process, in this one: messages go there and back as bytes. It dies before the calls it is told."""

    def __init__(self, dies_at: Sequence[int] = ()) -> None:
        self.sent: list[Any] = []
        self.started = 0
        self._dies_at = dies_at
        self._calls = 0

    def __call__(self) -> Child:
        self.started += 1
        self._inbox: list[Any] = []
        self._greeted = False
        return cast(Child, self)

    def spoken(self) -> bool:
        return not self._greeted

    def send(self, message: object) -> None:
        self.sent.append(message)
        self._inbox.append(ForkingPickler.loads(ForkingPickler.dumps(message)))

    def receive(self, seconds: float) -> Answer | Ready:
        if not self._greeted:
            self._greeted = True
            return Ready()
        self._calls += 1
        if self._calls in self._dies_at:
            raise EOFError
        answers: list[Answer | Ready] = []
        inbox = iter(self._inbox)
        with pytest.raises(StopIteration):
            serve(lambda: next(inbox), answers.append)
        return cast(Answer, ForkingPickler.loads(ForkingPickler.dumps(answers[-1])))

    def close(self) -> None:
        self._inbox = []

    kill = close


def test_only_what_changed_is_sent() -> None:
    sent, seen = Known(), known(1_000)
    first = sent.changes(seen)
    assert (len(first.trials), len(first.curves)) == (1_000, 1_000)
    assert sent.changes(seen).trials == ()
    later = grown(seen, 17, state="pruned")
    assert sent.changes(later).trials == (later.trials[17],)
    charted = replace(later, curves={**later.curves, 17: curve(1.0, 2.0, 3.0)})
    assert (sent.changes(charted).trials, set(sent.changes(charted).curves)) == ((), set())


def test_trials_that_were_read_anew_are_not_sent_again() -> None:
    sent, seen = Known(), known(50)
    sent.changes(seen)
    again = replace(seen, trials={number: replace(one) for number, one in seen.trials.items()})
    assert sent.changes(again).trials == ()


def test_with_a_trail_only_what_is_on_it_is_looked_at(rng: Random) -> None:
    sent, copy, seen = Known(), Copy(), known(5)
    origin, numbers = object(), [*range(5)]
    past: list[History] = []
    for seq in range(100, 400):
        number = rng.randrange(len(seen.trials) + 1)
        if rng.random() < 0.1:
            # The mirror was thrown away and made anew.
            origin, numbers = object(), [*seen.trials]
        elif number == len(seen.trials):
            seen = replace(seen, trials={**seen.trials, number: trial(number, "running", seq=seq)})
        else:
            charted = {**seen.curves, number: curve(rng.random())}
            seen = grown(replace(seen, curves=charted), number, seq, state="completed")
        numbers.append(number if number in seen.trials else 0)
        past.append(replace(seen, trail=Trail(origin, numbers, 0, len(numbers))))
        shown = rng.choice(past) if rng.random() < 0.2 else past[-1]
        for piece in pieces(sent.changes(shown)):
            copy.take(piece)
        assert replace(copy.history(shown.study, shown.system), trail=shown.trail) == shown


def test_an_older_history_takes_things_back() -> None:
    sent, copy = Known(), Copy()
    newer, older = known(9), known(6)
    older = replace(older, curves={number: one for number, one in older.curves.items() if number != 2})
    for one in (newer, older):
        changes = sent.changes(one)
        copy.take(changes)
    assert (changes.without_trials, changes.without_curves) == ((6, 7, 8), (2, 6, 7, 8))
    assert copy.history(older.study, {}).trials.keys() == older.trials.keys()
    assert copy.history(older.study, {}).curves.keys() == older.curves.keys()


def test_the_copy_is_what_was_seen_whatever_happens(rng: Random) -> None:
    sent, copy, seen = Known(), Copy(), known(5)
    past = [seen]
    follower, followed = Follower(), History(seen.study, {}, {})
    for seq in range(100, 400):
        match rng.randrange(4):
            case 0:
                number = len(seen.trials)
                seen = replace(seen, trials={**seen.trials, number: trial(number, "running", seq=seq)})
            case 1:
                seen = grown(seen, rng.randrange(len(seen.trials)), seq, state=rng.choice(["completed", "running"]))
            case 2:
                seen = replace(seen, curves={**seen.curves, rng.randrange(len(seen.trials)): curve(rng.random())})
            case _:
                seen = rng.choice(past)
        past.append(seen)
        for piece in pieces(sent.changes(seen)):
            copy.take(piece)
        there = copy.history(seen.study, seen.system)
        assert replace(there, trail=None) == seen
        followed = following(followed, there, follower.changed(there.trail))
        assert (followed.trials, followed.curves) == (there.trials, there.curves)


def following(before: History, now: History, changed: Iterable[int] | None) -> History:
    """What somebody has who looks only at what he is told has changed."""
    if changed is None:
        return replace(before, trials=dict(now.trials), curves=dict(now.curves))
    numbers = set(changed)
    trials = {number: now.trials[number] for number in numbers}
    curves = {number: now.curves[number] for number in numbers & now.curves.keys()}
    return replace(before, trials={**before.trials, **trials}, curves={**before.curves, **curves})


def test_pieces_are_small_and_whole() -> None:
    changes = Known().changes(known(1_234))
    made = list(pieces(changes))
    assert max(len(piece.trials) + len(piece.curves) for piece in made) <= 500
    assert tuple(one for piece in made for one in piece.trials) == changes.trials
    assert sum(len(piece.curves) for piece in made) == len(changes.curves)


def test_it_answers_as_an_engine_here_does() -> None:
    inside = Inside()
    remote, here = RemoteEngine(start=inside), OptunaEngine()
    seen = known(20, sampler="tpe")
    assert remote.suggest(seen, 20) == here.suggest(seen, 20)
    inside.sent.clear()
    later = grown(seen, 3, values={"loss": -1.0})
    assert remote.suggest(later, 20) == here.suggest(later, 20) != here.suggest(seen, 20)
    assert sum(len(message.changes.trials) for message in inside.sent if isinstance(message, Update)) == 1
    assert isinstance(inside.sent[-1], Call)


def test_what_is_raised_there_is_raised_here() -> None:
    remote = RemoteEngine(start=Inside())
    tried = [trial(n, params={"batch": b, "width": w}) for n, (b, w) in enumerate(_points())]
    with pytest.raises(Exhausted):
        remote.suggest(history(replace(study(6, space=SMALL), id=2), tried), 6)
    with pytest.raises(AttributeError, match="unheard_of") as raised:
        remote.call("unheard_of", known(1))
    assert "loop.py" in raised.value.__notes__[0]
    assert remote.suggest(known(3, sampler="random"), 3).note is None


def _points() -> list[tuple[int, str]]:
    return [(batch, width) for batch in (16, 32, 64) for width in ("narrow", "wide")]


def test_it_is_started_again_when_it_dies_and_told_all() -> None:
    inside = Inside(dies_at=[2])
    remote, seen = RemoteEngine(start=inside), known(30, sampler="random")
    remote.suggest(seen, 30)
    inside.sent.clear()
    assert remote.suggest(seen, 31) == OptunaEngine().suggest(seen, 31)
    assert inside.started == 2
    assert sum(len(message.changes.trials) for message in inside.sent if isinstance(message, Update)) == 30


def test_dying_twice_puts_the_suggestion_off() -> None:
    inside = Inside(dies_at=[1, 2])
    remote, seen = RemoteEngine(start=inside), known(3, sampler="random")
    with pytest.raises(Unavailable, match="died twice"):
        remote.suggest(seen, 3)
    assert remote.suggest(seen, 3) == OptunaEngine().suggest(seen, 3)
    assert inside.started == 3


def test_studies_that_were_not_used_for_long_are_forgotten() -> None:
    inside = Inside()
    remote = RemoteEngine(start=inside, keep_trials=25)
    seen = [replace(one, study=replace(one.study, id=n)) for n, one in enumerate([known(10, sampler="random")] * 3)]
    for one in (*seen, seen[0], seen[1]):
        remote.suggest(one, 10)
    forgotten = [message.key for message in inside.sent if isinstance(message, Forget)]
    # Too many are found by the next call, which is about the first study.
    assert forgotten == [key_of(seen[1].study)]
    told = [len(message.changes.trials) for message in inside.sent if isinstance(message, Update)]
    assert [count for count in told if count] == [10, 10, 10, 10]


def test_after_its_end_it_says_so() -> None:
    remote = RemoteEngine(start=Inside())
    remote.suggest(known(1), 1)
    remote.close()
    with pytest.raises(Unavailable, match="stopping"):
        remote.suggest(known(1), 1)


@pytest.mark.parametrize(
    ("trials", "fields", "heft"),
    [
        (9, {"sampler": "gp"}, "light"),
        (10, {"sampler": "gp"}, "slow"),
        (3, {"sampler": {"type": "gp", "startup_trials": 3}}, "slow"),
        (100, {"sampler": "cmaes"}, "light"),
        (15, {"sampler": "auto"}, "light"),
        (16, {"sampler": "auto"}, "light"),
        (MANY_FOR_TPE, {"sampler": "auto"}, "brisk"),
        (15, {"sampler": "auto", "scheduler": "asha"}, "light"),
        (16, {"sampler": "auto", "scheduler": "asha"}, "slow"),
        (15, {"sampler": "auto", "space": {"x": {"type": "float", "low": 0, "high": 1}}}, "light"),
        (16, {"sampler": "auto", "space": {"x": {"type": "float", "low": 0, "high": 1}}}, "slow"),
        (MANY_FOR_TPE - 1, {"sampler": "tpe"}, "light"),
        (MANY_FOR_TPE, {"sampler": "tpe"}, "brisk"),
        (MANY_TRIALS - 1, {"sampler": "random"}, "light"),
        (MANY_TRIALS, {"sampler": "random"}, "brisk"),
        (100, {"sampler": "nsga2"}, "light"),
        (100, {"sampler": "qmc"}, "light"),
    ],
)
def test_how_heavy_a_suggestion_is(trials: int, fields: dict[str, Any], heft: str) -> None:
    one = trial(0)
    assert weight(History(study(1, **fields), dict.fromkeys(range(trials), one), {})) == heft


@pytest.mark.parametrize(
    ("trials", "fields", "heft"),
    [
        (16, {"sampler": "random", "scheduler": "auto"}, "slow"),
        (15, {"sampler": "random", "scheduler": "auto"}, "light"),
        (16, {"sampler": "random", "scheduler": "asha"}, "light"),
        (10, {"sampler": "gp", "scheduler": "asha"}, "slow"),
    ],
)
def test_how_heavy_it_is_to_promote(trials: int, fields: dict[str, Any], heft: str) -> None:
    assert weight_to_promote(History(study(1, **fields), dict.fromkeys(range(trials), trial(0)), {})) == heft


def test_light_calls_stay_here_and_others_go_where_they_hold_up_nobody() -> None:
    brisk, slow = Inside(), Inside()
    divided = DividedEngine(OptunaEngine(), RemoteEngine(start=brisk), RemoteEngine(start=slow))
    light, many = known(20, sampler="random"), known(MANY_TRIALS, sampler="random")
    assert divided.suggest(light, 20) == OptunaEngine().suggest(light, 20)
    running = trial(20, "running")
    divided.judge(many, running, curve(1.0), latest(curve(1.0)))
    assert (divided.promote(light, 20), brisk.started, slow.started) == (None, 0, 0)
    assert divided.suggest(many, MANY_TRIALS) == OptunaEngine().suggest(many, MANY_TRIALS)
    assert (brisk.started, slow.started) == (1, 0)
    model = known(20, sampler="gp")
    assert divided.suggest(model, 20) == OptunaEngine().suggest(model, 20)
    assert (brisk.started, slow.started) == (1, 1)


def test_several_are_made_there_in_one_call() -> None:
    brisk, slow = Inside(), Inside()
    divided = DividedEngine(OptunaEngine(), RemoteEngine(start=brisk), RemoteEngine(start=slow))
    seen = known(MANY_FOR_TPE, sampler="tpe", scheduler="none")
    divided.make_ready(seen.study.definition)
    together = divided.several(seen, MANY_FOR_TPE, 4, seconds=60)
    assert together == OptunaEngine().several(seen, MANY_FOR_TPE, 4, seconds=60)
    few = known(4, sampler="tpe")
    assert divided.several(few, 4, 3, 60) == OptunaEngine().several(few, 4, 3, 60)
    assert (len([message for message in brisk.sent if isinstance(message, Call)]), slow.started) == (1, 0)
    assert divided.suggest(seen, MANY_FOR_TPE) == together[0], "what was imagined there is forgotten"


@pytest.mark.parametrize(
    ("fields", "loaded"),
    [
        ({"sampler": "gp", "scheduler": "none"}, {"torch", "optuna._gp.gp"}),
        ({"sampler": "gp", "scheduler": "auto"}, {"torch", "optuna._gp.gp", "sklearn.gaussian_process"}),
        ({"sampler": "auto", "scheduler": "asha"}, {"sklearn.gaussian_process"}),
        ({"sampler": "tpe", "scheduler": "auto"}, {"sklearn.gaussian_process"}),
        ({"sampler": "random", "scheduler": "none"}, None),
    ],
)
def test_what_a_model_needs_is_loaded_while_there_are_light_suggestions(
    fields: dict[str, Any], loaded: set[str] | None
) -> None:
    slow = Inside()
    divided = DividedEngine(OptunaEngine(), RemoteEngine(start=Inside()), RemoteEngine(start=slow))
    for count in (1, 2):
        divided.suggest(known(count, **fields), count)
    loads = [set(message.modules) for message in slow.sent if isinstance(message, Load)]
    assert loads == ([] if loaded is None else [loaded])


def test_tpe_has_its_process_ready_before_it_is_heavy() -> None:
    brisk = Inside()
    divided = DividedEngine(OptunaEngine(), RemoteEngine(start=brisk), RemoteEngine(start=Inside()))
    divided.suggest(known(1, sampler="tpe", scheduler="none"), 1)
    assert brisk.started == 1


@pytest.mark.parametrize(
    ("fields", "started"),
    [
        ({"sampler": "tpe", "scheduler": "none"}, (1, 0)),
        ({"sampler": "gp", "scheduler": "none"}, (0, 1)),
        ({"sampler": "random", "scheduler": "auto"}, (0, 1)),
        ({"sampler": "random", "scheduler": "asha"}, (0, 0)),
    ],
)
def test_before_anybody_asks_the_process_is_started_that_will_be_needed(
    fields: dict[str, Any], started: tuple[int, int]
) -> None:
    brisk, slow = Inside(), Inside()
    divided = DividedEngine(OptunaEngine(), RemoteEngine(start=brisk), RemoteEngine(start=slow))
    divided.make_ready(study(1, **fields).definition)
    assert (brisk.started, slow.started) == started


@pytest.mark.parametrize(
    ("fields", "trials", "here"),
    [
        ({"sampler": "cmaes", "scheduler": "none"}, 0, ["cmaes"]),
        ({"sampler": "qmc", "scheduler": "none"}, 0, ["scipy.stats.qmc"]),
        ({"sampler": "auto"}, 0, ["scipy.stats.qmc"]),
        ({"sampler": "auto"}, 100, []),
        ({"sampler": "cmaes", "scheduler": "none"}, MANY_TRIALS, []),
        ({"sampler": "random", "scheduler": "none"}, 0, []),
    ],
)
def test_what_light_suggestions_need_is_loaded_before_anybody_asks(
    fields: dict[str, Any], trials: int, here: list[str]
) -> None:
    loads: list[Sequence[str]] = []
    remote = RemoteEngine(start=Inside())
    divided = DividedEngine(OptunaEngine(), remote, RemoteEngine(start=Inside()), load=loads.append)
    for _ in range(2):
        divided.make_ready(study(1, **fields).definition, trials)
    assert loads == ([here] if here else []), "once"


def test_a_study_that_will_have_many_trials_has_its_process_ready() -> None:
    brisk = Inside()
    divided = DividedEngine(OptunaEngine(), RemoteEngine(start=brisk), RemoteEngine(start=Inside()))
    definition = study(1, sampler="cmaes", scheduler="none").definition
    divided.make_ready(definition, MANY_TRIALS // 2)
    assert brisk.started == 0
    divided.make_ready(definition, MANY_TRIALS - 1)
    assert [message.modules for message in brisk.sent if isinstance(message, Load)] == [("cmaes",)]


def test_until_its_process_is_there_tpe_is_asked_here() -> None:
    class Late(Inside):
        def spoken(self) -> bool:
            return False

    brisk = Late()
    divided = DividedEngine(OptunaEngine(), RemoteEngine(start=brisk), RemoteEngine(start=Inside()))
    seen = known(MANY_FOR_TPE, sampler="tpe", scheduler="none")
    assert divided.suggest(seen, MANY_FOR_TPE) == OptunaEngine().suggest(seen, MANY_FOR_TPE)
    assert not [message for message in brisk.sent if isinstance(message, Call)]
    assert brisk.started == 1


def test_a_module_that_is_not_there_is_told_by_whoever_needs_it() -> None:
    remote = RemoteEngine(start=Inside())
    remote.make_ready(("no_such_module",))
    assert remote.suggest(known(1), 1) == OptunaEngine().suggest(known(1), 1)
