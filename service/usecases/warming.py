"""Warm starts carried out: what was chosen of other studies becomes trials of this one, in pieces that hold nobody up.

A study whose warm start is too large for one commit is paused until all of it is there, so that its first suggestion
knows everything. If the server dies in between, the next one goes on: what is there already is not taken twice.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256

from service.domain import budget
from service.domain.actor import LOCAL, Actor
from service.domain.errors import BasinError, Invalid, StudyNotFound
from service.domain.query import StudyQuery
from service.domain.study import Study
from service.domain.trial import Point, Trial
from service.usecases import choosing, studies, trials
from service.usecases.choosing import Chosen, Here, Plan
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Store, Transaction
from service.usecases.settling import move, move_by_itself
from service.wire.study import StudyDefinition
from service.wire.warm_start import WarmStart, WarmStarted

_log = logging.getLogger(__name__)

GOING_ON = "its warm start is going on"
"""Why a study is paused whose warm start has not come to its end."""

ROWS_AT_ONCE = 2_500
MOST_POINTS = 100_000
_LONGEST_CURVE = 1_000
_STUDIES_AT_ONCE = 1_000
_LOOK_SECONDS = 60.0

Ready = tuple[Chosen, tuple[Point, ...]]


async def create(
    store: Store, mirrors: Mirrors, definition: StudyDefinition, seed: int, actor: Actor = LOCAL
) -> tuple[Study, WarmStarted | None]:
    """Create a study, with what its warm start takes."""
    if definition.warm_start is None:
        return await store.write(lambda tx: studies.create(tx, definition, seed=seed, actor=actor)), None
    here = Here(definition, room=_room(definition))
    plan, ready = await store.read(partial(_prepared, mirrors=mirrors, here=here, warm=definition.warm_start))
    first, *rest = list(_pieces(ready)) or [()]

    def start(tx: Transaction) -> Study:
        study = studies.create(tx, definition, seed=seed, actor=actor)
        if rest:
            study = move(tx, study, "paused", reason=GOING_ON)
        _put(tx, study, first)
        return tx.studies.get(study.name)

    study = await store.write(start)
    for piece in rest:
        await store.write(partial(_put_later, study=study, piece=piece))
    if rest:
        await store.write(partial(_finish, study=study))
    return study, plan.told


async def check(store: Store, mirrors: Mirrors, definition: StudyDefinition) -> None:
    """Say what is wrong with a definition's warm start, and do nothing."""
    if warm := definition.warm_start:
        here = Here(definition, room=_room(definition))
        await store.read(lambda tx: choosing.plan(tx, mirrors, here, warm))


async def warm(store: Store, mirrors: Mirrors, name: str, body: WarmStart) -> WarmStarted:
    """Take something of other studies into one that is there already. Asked for again, it takes nothing twice."""

    def prepared(tx: Transaction) -> tuple[Study, Plan, list[Ready]]:
        study = tx.studies.get(name)
        plan, ready = _prepared(tx, mirrors, choosing.before(tx, mirrors, study), body, field="")
        return study, plan, ready

    study, plan, ready = await store.read(prepared)
    for piece in _pieces(ready):
        await store.write(partial(_put_later, study=study, piece=piece))
    return plan.told


async def go_on(store: Store, mirrors: Mirrors) -> int:
    """Bring the warm starts to their end that a server left unfinished; answers how many there were."""
    page = await store.read(lambda tx: tx.studies.list(StudyQuery(states=("paused",), size=_STUDIES_AT_ONCE)))
    left = [study for study in page.items if study.reason == GOING_ON and study.definition.warm_start]
    for study in left:
        assert study.definition.warm_start is not None
        try:
            await warm(store, mirrors, study.name, study.definition.warm_start)
        except Invalid as invalid:
            _log.warning("the warm start of study %r cannot go on: %s", study.name, invalid)
        await store.write(partial(_finish, study=study))
    return len(left)


async def keep_going(store: Store, mirrors: Mirrors) -> None:
    """Look again and again for warm starts that were left unfinished, until cancelled."""
    while True:
        try:
            await go_on(store, mirrors)
        except BasinError as error:
            _log.warning("warm starts were put off: %s", error)
        await asyncio.sleep(_LOOK_SECONDS)


def _room(definition: StudyDefinition) -> int:
    most = definition.budget.max_trials
    return Here(definition).room if most is None else most


def _prepared(
    tx: Transaction, mirrors: Mirrors, here: Here, warm: WarmStart, field: str = "warm_start"
) -> tuple[Plan, list[Ready]]:
    """What is to be taken, with its curves: all that has to be read, so that writing it is quick."""
    plan = choosing.plan(tx, mirrors, here, warm, field)
    ready, left = [], MOST_POINTS
    for chosen in plan.chosen:
        points = _curve(tx, chosen) if warm.use == "history" and left else ()
        # A part of a curve would look like the whole of it.
        points = points if len(points) <= left else ()
        left -= len(points)
        ready.append((chosen, points))
    return plan, ready


def _curve(tx: Transaction, chosen: Chosen) -> tuple[Point, ...]:
    """A trial's curve as that of one attempt, evenly thinned where it is long; the last point is always there."""
    study, trial = chosen.source, chosen.trial
    found: dict[int, Point] = {}
    place = (0, 0)
    while page := tx.points.list(study.id, trial.number, place, _LONGEST_CURVE):
        found |= {point.step: point for point in page if not point.superseded}
        place = (page[-1].key.attempt, page[-1].seq)
    points = [found[step] for step in sorted(found)]
    if len(points) > _LONGEST_CURVE:
        last = len(points) - 1
        points = [points[round(place * last / (_LONGEST_CURVE - 1))] for place in range(_LONGEST_CURVE)]
    return tuple(replace(point, seq=seq) for seq, point in enumerate(points, start=1))


def _pieces(ready: Sequence[Ready]) -> Iterator[Sequence[Ready]]:
    """As much as one commit may hold without anybody noticing."""
    piece: list[Ready] = []
    rows = 0
    for chosen, points in ready:
        if piece and rows + len(points) + 1 > ROWS_AT_ONCE:
            yield piece
            piece, rows = [], 0
        piece.append((chosen, points))
        # A trial costs about as much as ten points of a curve.
        rows += len(points) + 10
    if piece:
        yield piece


def _put_later(tx: Transaction, study: Study, piece: Sequence[Ready]) -> None:
    now = tx.studies.lock(study.name)
    if now.id != study.id:
        raise StudyNotFound(f"study '{study.name}' was deleted in between")
    _put(tx, now, piece)


def _put(tx: Transaction, study: Study, piece: Sequence[Ready]) -> None:
    room = budget.may_add(study)
    for chosen, points in piece:
        if chosen.again and not room:
            # Somebody else has added trials since it was looked at.
            break
        # Two may carry out one warm start: a server that was thought dead, and the one that goes on for it.
        scope, key = f"warm:{study.id}", sha256(repr((chosen.root, chosen.again)).encode()).hexdigest()
        if tx.requests.get(scope, key) is None:
            tx.requests.put(scope, key, "", None)
            trials.put(tx, study, _trial(tx, study, chosen, points), points)
            room -= chosen.again


def _trial(tx: Transaction, study: Study, chosen: Chosen, points: Sequence[Point]) -> Trial:
    """The trial that is made of one that was chosen: queued with its point, or ended with its results."""
    made = Trial(
        study_id=study.id,
        number=0,
        origin="enqueued",
        params=chosen.carried.params,
        attrs=chosen.attrs(),
        created_at=tx.now,
    )
    if chosen.again:
        return made
    metrics = {objective.metric for objective in study.definition.objectives}
    values = {metric: value for metric, value in (chosen.trial.values or {}).items() if metric in metrics}
    return replace(
        made,
        origin="added",
        state=chosen.trial.state,
        values=values or None,
        failure=chosen.trial.failure,
        attempts=1 if points else 0,
        started_at=tx.now,
        finished_at=tx.now,
    )


def _finish(tx: Transaction, study: Study) -> None:
    now = tx.studies.lock(study.name)
    if now.id == study.id and now.state == "paused" and now.reason == GOING_ON:
        move_by_itself(tx, now, "active")
