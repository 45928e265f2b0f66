"""Running trials: ask for one, report its curve, complete it."""

from typing import Annotated

from fastapi import APIRouter, Body
from starlette.requests import Request
from starlette.responses import Response

from service.domain.errors import (
    AlreadyCompleted,
    AttemptNotFound,
    DataDiffer,
    NotYourAttempt,
    RequestReused,
    SeqGap,
    StaleLease,
    StudyNotFound,
    TrialNotFound,
    WrongState,
)
from service.http import examples
from service.http.addresses import AttemptNumber, StudyName, TrialNumber
from service.http.answers import answer
from service.http.documented import documented
from service.http.permissions import sender
from service.http.route import WorkerRoute
from service.http.services import served
from service.usecases import asking, completing
from service.usecases.reporting import ReportItem, report_together
from service.wire.lease import Ask, Complete, Completed, LeaseList, Report, Reported

router = APIRouter(prefix="/v1/studies/{study:study}", tags=["running trials"], route_class=WorkerRoute)
_ATTEMPT = "/trials/{number:count}/attempts/{attempt:count}"


@router.post(
    f"{_ATTEMPT}:report",
    **documented(
        "report",
        "Report points of a learning curve",
        answer=Reported,
        example=examples.REPORTED,
        errors=[StudyNotFound, AttemptNotFound, StaleLease, SeqGap, DataDiffer, NotYourAttempt],
    ),
)
async def report(
    request: Request,
    study: StudyName,
    number: TrialNumber,
    attempt: AttemptNumber,
    body: Annotated[Report, Body(openapi_examples=examples.REPORT)],
) -> Response:
    """All points of a report are stored, or none. A report that is sent again changes nothing.

    It renews the lease, and answers what to do next. `seq_gap` carries `acked_seq`: go on behind it.
    """
    services = served(request)
    item = ReportItem(study, number, attempt, body, services.lease_ttl_seconds, sender(request))
    if services.judge is not None:
        return answer(await services.judge.report(item))
    return answer((await services.store.write_together(report_together, item)).answer)


@router.post(
    f"{_ATTEMPT}:complete",
    **documented(
        "complete",
        "Complete an attempt",
        answer=Completed,
        example=examples.COMPLETED,
        errors=[StudyNotFound, TrialNotFound, AttemptNotFound, StaleLease, AlreadyCompleted, NotYourAttempt],
    ),
)
async def complete(
    request: Request,
    study: StudyName,
    number: TrialNumber,
    attempt: AttemptNumber,
    body: Annotated[Complete, Body(openapi_examples=examples.COMPLETE)],
) -> Response:
    """Written once: the same body again gets the same answer, another one is refused."""
    services, actor = served(request), sender(request)
    return answer(await services.store.write(lambda tx: completing.complete(tx, study, number, attempt, body, actor)))


@router.post(
    ":ask",
    **documented(
        "ask",
        "Ask for trials to run",
        answer=LeaseList,
        example=examples.LEASES,
        errors=[StudyNotFound, WrongState, RequestReused],
    ),
)
async def ask(
    request: Request, study: StudyName, body: Annotated[Ask, Body(openapi_examples=examples.ASK)]
) -> Response:
    """Answers the leases of queued trials; when none is queued, waits up to `wait_seconds` for one.

    Sent again with the same `request_id`, the same leases are answered.
    """
    services = served(request)
    ttl = services.lease_ttl_seconds
    leases = await asking.ask(services.store, services.suggester, study, body, ttl_seconds=ttl, actor=sender(request))
    return answer(LeaseList(leases=leases))
