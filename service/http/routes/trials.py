"""Trials: add, list, read, cancel, and what they leave behind."""

from typing import Annotated

from fastapi import APIRouter, Body, Query
from starlette.requests import Request
from starlette.responses import Response

from service.domain.errors import BudgetSpent, Invalid, RequestReused, StudyNotFound, TrialNotFound, WrongState
from service.domain.query import Condition, TrialOrder, TrialQuery, condition
from service.domain.study import Study
from service.http import convert, examples, page_tokens
from service.http.addresses import PageSize, PageToken, StudyName, TrialNumber
from service.http.answers import answer
from service.http.documented import documented
from service.http.places import after
from service.http.route import WireRoute
from service.http.services import served
from service.http.signing import sign
from service.usecases import reading, retrying, trials
from service.usecases.ports import Transaction
from service.usecases.reading import TrialView
from service.wire import trial as wire
from service.wire.trial import NewTrial, NewTrials, Origin, Purpose, TrialState

router = APIRouter(prefix="/v1/studies/{study:study}/trials", tags=["trials"], route_class=WireRoute)
_MOST_CONDITIONS = 20


@router.post(
    "",
    **documented(
        "add_trial",
        "Enqueue a trial, or add one that ran elsewhere",
        answer=wire.Trial,
        example=examples.TRIAL,
        status=201,
        headers={"Location": "The trial's address."},
        errors=[StudyNotFound, RequestReused, BudgetSpent],
    ),
)
async def add(
    request: Request, study: StudyName, new: Annotated[NewTrial, Body(openapi_examples=examples.NEW_TRIAL)]
) -> Response:
    """Sent again with the same `request_id`, it changes nothing and answers the same trial.

    A point that was tried already may be enqueued again: `duplicate_of` then says which trial has it.
    """
    services = served(request)
    sign(request, named=lambda view: f"studies/{study}/trials/{view.trial.number}", state=new.state)
    view = await services.store.write(lambda tx: _view(tx, study, trials.add(tx, study, new).number))
    told = convert.trial_of(view)
    if new.state == "queued":
        twin = await services.store.read(lambda tx: reading.twin(tx, services.mirrors, view.study.name, view.trial))
        told = told.model_copy(update={"duplicate_of": twin})
    return answer(told, 201, {"location": convert.trial_path(view.study.name, view.trial.number)})


@router.post(
    ":batch",
    **documented(
        "add_trials",
        "Enqueue or add many trials",
        answer=wire.TrialNumbers,
        example=examples.NUMBERS,
        status=201,
        errors=[StudyNotFound, RequestReused, BudgetSpent],
    ),
)
async def add_many(
    request: Request, study: StudyName, new: Annotated[NewTrials, Body(openapi_examples=examples.NEW_TRIALS)]
) -> Response:
    """All of them, in their order, or none. Each may have a `request_id` of its own: it is then added once."""
    sign(request, count=len(new.trials))
    numbers = await served(request).store.write(lambda tx: trials.add_many(tx, study, new))
    return answer(wire.TrialNumbers(numbers=numbers), 201)


@router.post(
    ":retry",
    **documented(
        "retry_trials",
        "Try trials once more that came to nothing",
        answer=wire.RetriedTrials,
        example=examples.RETRIED,
        errors=[StudyNotFound, TrialNotFound, WrongState],
    ),
)
async def retry(
    request: Request, study: StudyName, body: Annotated[wire.RetryTrials, Body(openapi_examples=examples.RETRY)]
) -> Response:
    """Those that failed, turned out infeasible or were cancelled are queued again, with another attempt to come: under
    the same number, from the newest checkpoint if they left one. All of them or none; those that wait or run already
    stay as they are. A study that was completed because all its trials had ended is active again.
    """
    services = served(request)
    sign(request, trials=list(body.trials))
    await services.store.write(lambda tx: retrying.retry(tx, study, body.trials))
    numbers = dict.fromkeys(body.trials)
    views = await services.store.read(lambda tx: [_view(tx, study, number) for number in numbers])
    return answer(wire.RetriedTrials(trials=tuple(map(convert.trial_of, views))))


@router.get(
    "",
    **documented(
        "list_trials",
        "List trials",
        answer=wire.TrialList,
        example=examples.TRIALS,
        errors=[StudyNotFound],
        codes={400: ["invalid_page_token"]},
    ),
)
async def list_(
    request: Request,
    study: StudyName,
    state: Annotated[list[TrialState], Query(default_factory=list, description="Only trials in one of these states.")],
    origin: Annotated[list[Origin], Query(default_factory=list, description="Only trials of one of these origins.")],
    purpose: Annotated[
        list[Purpose],
        Query(
            default_factory=lambda: ["search"],
            description="Only trials that are run for one of these: other runs of trials are no part of the search.",
        ),
    ],
    where: Annotated[
        list[str],
        Query(
            default_factory=list,
            max_length=_MOST_CONDITIONS,
            description="Only trials that pass all of these: a parameter or `value`, = != < <= > or >=, and a value.",
            examples=[["learning_rate>=0.001", "optimizer=adamw"]],
        ),
    ],
    order_by: Annotated[
        TrialOrder, Query(description="`-` in front turns it round. Trials that have no such value come last.")
    ] = "number",
    page_size: PageSize = 100,
    page_token: PageToken = None,
) -> Response:
    """`value` is that of the first objective."""
    scope = ("trials", study, sorted(state), sorted(origin), sorted(purpose), where, order_by)
    query = TrialQuery(
        states=tuple(state),
        origins=tuple(origin),
        purposes=tuple(purpose),
        where=_conditions(where),
        order=order_by,
        after=page_tokens.read(scope, page_token, page_tokens.place_from_json),
        size=page_size,
    )

    def page(tx: Transaction) -> Response:
        of, found = reading.trial_views(tx, study, query)
        _check_names(of, query.where, where)
        last = page_tokens.place_to_json(after(found.items[-1], order_by)) if found.more else None
        token = page_tokens.write(scope, last) if last else None
        return answer(wire.TrialList(trials=tuple(map(convert.trial_of, found.items)), next_page_token=token))

    # The answer is made where the rows are read, in a thread of its own: a long page holds nobody up.
    return await served(request).store.read(page)


@router.get(
    "/{number:count}",
    **documented(
        "get_trial", "Read a trial", answer=wire.Trial, example=examples.TRIAL, errors=[StudyNotFound, TrialNotFound]
    ),
)
async def get(request: Request, study: StudyName, number: TrialNumber) -> Response:
    """With the newest point of its learning curve."""
    return answer(convert.trial_of(await served(request).store.read(lambda tx: _view(tx, study, number))))


@router.post(
    "/{number:count}:cancel",
    **documented(
        "cancel_trial",
        "Cancel a trial",
        answer=wire.Trial,
        example=examples.TRIAL,
        errors=[StudyNotFound, TrialNotFound, WrongState],
    ),
)
async def cancel(request: Request, study: StudyName, number: TrialNumber) -> Response:
    """One that is queued, running or paused. The worker of a running trial is told with its next report."""
    view = await served(request).store.write(lambda tx: _view(tx, study, trials.cancel(tx, study, number).number))
    return answer(convert.trial_of(view))


@router.get(
    "/{number:count}/reports",
    **documented(
        "list_reports",
        "Read a learning curve",
        answer=wire.PointList,
        example=examples.POINTS,
        errors=[StudyNotFound, TrialNotFound],
        codes={400: ["invalid_page_token"]},
    ),
)
async def reports(
    request: Request, study: StudyName, number: TrialNumber, page_size: PageSize = 1000, page_token: PageToken = None
) -> Response:
    """Attempt by attempt. A point is `superseded` where a later attempt went back before its step."""
    scope = ("reports", study, number)
    place = page_tokens.read(scope, page_token, lambda found: (int(found[0]), int(found[1]))) or (0, 0)

    def page(tx: Transaction) -> Response:
        found = reading.curve(tx, study, number, place, page_size + 1)
        shown = found[:page_size]
        token = page_tokens.write(scope, (shown[-1].key.attempt, shown[-1].seq)) if len(found) > page_size else None
        return answer(wire.PointList(points=tuple(map(convert.point, shown)), next_page_token=token))

    return await served(request).store.read(page)


@router.get(
    "/{number:count}/attempts",
    **documented(
        "list_attempts",
        "List the attempts at a trial",
        answer=wire.AttemptList,
        example=examples.ATTEMPTS,
        errors=[StudyNotFound, TrialNotFound],
    ),
)
async def attempts(request: Request, study: StudyName, number: TrialNumber) -> Response:
    """Oldest first."""
    found = await served(request).store.read(lambda tx: reading.attempts(tx, study, number))
    return answer(wire.AttemptList(attempts=tuple(map(convert.attempt, found))))


@router.get(
    "/{number:count}/decisions",
    **documented(
        "list_decisions",
        "List what was decided of a trial, and why",
        answer=wire.DecisionList,
        example=examples.DECISIONS,
        errors=[StudyNotFound, TrialNotFound],
    ),
)
async def decisions(request: Request, study: StudyName, number: TrialNumber) -> Response:
    """In the order of attempts and steps. Each is kept with what it was based on at that moment."""
    found = await served(request).store.read(lambda tx: reading.decisions(tx, study, number))
    return answer(wire.DecisionList(decisions=tuple(map(convert.decision, found))))


@router.get(
    "/{number:count}/checkpoints",
    **documented(
        "list_checkpoints",
        "List the committed checkpoints of a trial",
        answer=wire.CheckpointList,
        example=examples.CHECKPOINTS,
        errors=[StudyNotFound, TrialNotFound],
    ),
)
async def checkpoints(request: Request, study: StudyName, number: TrialNumber) -> Response:
    """Newest first."""
    found = await served(request).store.read(lambda tx: reading.checkpoints(tx, study, number))
    return answer(wire.CheckpointList(checkpoints=tuple(convert.checkpoint(study, one) for one in found)))


def _view(tx: Transaction, study: str, number: int) -> TrialView:
    return reading.trial_view(tx, study, number)


def _conditions(where: list[str]) -> tuple[Condition, ...]:
    return tuple(condition(text, _field(place, where)) for place, text in enumerate(where))


def _check_names(study: Study, conditions: tuple[Condition, ...], where: list[str]) -> None:
    """Refuse a name that no trial of the study can have: it is a typing mistake, not an empty list."""
    known = study.definition.space
    for place, found in enumerate(conditions):
        if found.field != "value" and found.field not in known:
            raise Invalid.field(_field(place, where), f"'{found.field}' is not a parameter of this study")


def _field(place: int, where: list[str]) -> str:
    return f"where[{place}]" if len(where) > 1 else "where"
