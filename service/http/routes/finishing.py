"""The honest end of a study, and trials that are run again as they were."""

from typing import Annotated

from fastapi import APIRouter, Body
from starlette.requests import Request
from starlette.responses import Response

from service.domain.errors import (
    FinishNotFound,
    FinishRunning,
    RequestReused,
    SplitOpened,
    StudyNotFound,
    TrialNotFound,
    WrongState,
)
from service.http import convert, examples
from service.http import finish_examples as shown
from service.http.addresses import StudyName, TrialNumber
from service.http.answers import answer
from service.http.documented import documented
from service.http.permissions import sender
from service.http.route import WireRoute
from service.http.services import Services, served
from service.http.signing import sign
from service.usecases import reading
from service.usecases.finishing import reading as reports
from service.usecases.finishing import reproducing, starting
from service.wire import finish as wire
from service.wire import trial as wire_trial

router = APIRouter(prefix="/v1/studies/{study:study}", tags=["finish"], route_class=WireRoute)
_USUAL = wire.FinishStudy()
_AS_IT_WAS = wire.Reproduce()


@router.post(
    ":finish",
    **documented(
        "finish_study",
        "Begin the honest end of a study",
        answer=wire.Finish,
        example=shown.FINISH,
        status=201,
        errors=[StudyNotFound, WrongState, FinishRunning, SplitOpened],
    ),
)
async def begin(
    request: Request, study: StudyName, body: Annotated[wire.FinishStudy, Body(openapi_examples=shown.BEGIN)] = _USUAL
) -> Response:
    """The best trials are run again on fresh seeds. The cheapest of those that cannot be told apart from the best is
    trained on training and validation data, and evaluated once on the sealed test split. Workers run all of it, also
    when the search has ended. A further look at the test split is refused unless `again` says why.
    """
    services = served(request)
    sign(request, **body.model_dump(exclude_none=True))
    await services.store.write(lambda tx: starting.start(tx, study, body, sender(request)))
    return await _report(services, study, 201)


@router.get(
    "/finish",
    **documented(
        "get_finish",
        "How a study's honest end stands",
        answer=wire.Finish,
        example=shown.FINISH,
        errors=[StudyNotFound, FinishNotFound],
    ),
)
async def get(request: Request, study: StudyName) -> Response:
    """Of the last round. While it goes on it tells what is known by now."""
    return await _report(served(request), study)


@router.post(
    "/finish:cancel",
    **documented(
        "cancel_finish",
        "Call a finish off",
        answer=wire.Finish,
        example=shown.FINISH,
        errors=[StudyNotFound, FinishNotFound, WrongState],
    ),
)
async def cancel(request: Request, study: StudyName) -> Response:
    """Its runs are cancelled. What they have shown by then can still be read."""
    services = served(request)
    await services.store.write(lambda tx: starting.cancel(tx, study))
    return await _report(services, study)


@router.post(
    "/trials/{number:count}:reproduce",
    **documented(
        "reproduce_trial",
        "Run a trial again as it was",
        answer=wire_trial.Trial,
        example=examples.TRIAL,
        status=201,
        headers={"Location": "The run's address."},
        errors=[StudyNotFound, TrialNotFound, WrongState, RequestReused],
    ),
)
async def reproduce(
    request: Request,
    study: StudyName,
    number: TrialNumber,
    body: Annotated[wire.Reproduce, Body(openapi_examples=shown.REPRODUCE)] = _AS_IT_WAS,
) -> Response:
    """With the same parameters and the same seed, as far as it came. It is no part of the search."""
    services = served(request)
    run = await services.store.write(lambda tx: reproducing.reproduce(tx, study, number, body))
    view = await services.store.read(lambda tx: reading.trial_view(tx, study, run.number))
    return answer(convert.trial_of(view), 201, {"location": convert.trial_path(view.study.name, run.number)})


@router.get(
    "/trials/{number:count}/reproductions",
    **documented(
        "list_reproductions",
        "How the runs compare by which a trial was reproduced",
        answer=wire.ReproductionList,
        example=shown.REPRODUCTIONS,
        errors=[StudyNotFound, TrialNotFound],
    ),
)
async def reproductions(request: Request, study: StudyName, number: TrialNumber) -> Response:
    """By the curve of the first objective: equal to the last bit, or within what other seeds do, or within rounding."""
    return answer(await served(request).store.read(lambda tx: reproducing.reproductions(tx, study, number)))


async def _report(services: Services, study: str, status: int = 200) -> Response:
    return answer(await services.store.read(lambda tx: reports.report(tx, study)), status)
