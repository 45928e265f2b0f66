"""Reading a study: its best trials, its front, what matters in it, why a trial is what it is, what another scheduler
would have done."""

from typing import Annotated

from fastapi import APIRouter, Body, Query
from starlette.requests import Request
from starlette.responses import Response

from service.domain.errors import Invalid, Overloaded, StudyNotFound, TrialNotFound
from service.http import analysis_examples as examples
from service.http.addresses import StudyName, TrialNumber
from service.http.answers import answer
from service.http.documented import documented
from service.http.route import WireRoute
from service.http.services import served
from service.usecases.analysis.analyses import Analyses
from service.wire import analysis as wire
from service.wire.analysis import Method, WhatIf

router = APIRouter(prefix="/v1/studies/{study:study}", tags=["analysis"], route_class=WireRoute)


@router.get(
    "/best",
    **documented(
        "list_best_trials",
        "The best trials",
        answer=wire.BestTrials,
        example=examples.BEST,
        errors=[StudyNotFound],
    ),
)
async def best(
    request: Request,
    study: StudyName,
    count: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 10,
) -> Response:
    """Completed trials by the first objective. Where there are several objectives it answers the trials of the front,
    the one nearest to the best of each objective first (each is scaled to its range on the front). Infeasible trials
    and NaN never appear.
    """
    return answer(await _analyses(request).best(study, count))


@router.get(
    "/pareto",
    **documented(
        "get_pareto_front",
        "The Pareto front and its hypervolume",
        answer=wire.ParetoFront,
        example=examples.PARETO,
        errors=[StudyNotFound],
    ),
)
async def pareto(
    request: Request,
    study: StudyName,
    reference: Annotated[
        str | None,
        Query(
            max_length=2_000,
            description="The point up to which the volume is measured, each objective once. Without it, it is a tenth "
            "of the front's range behind the worst values on the front, and moves with them.",
            examples=["val_loss:1.0,latency:20"],
        ),
    ] = None,
    count: Annotated[int, Query(ge=1, le=1000, description="How many trials at most.")] = 1000,
) -> Response:
    """The completed trials that no other beats in all objectives, by the first. Of one objective it is the best."""
    return answer(await _analyses(request).pareto(study, count, reference))


@router.get(
    "/importances",
    **documented(
        "get_importances",
        "Which parameters matter",
        answer=wire.Importances,
        example=examples.IMPORTANCES,
        errors=[StudyNotFound, Overloaded],
    ),
)
async def importances(
    request: Request,
    study: StudyName,
    method: Annotated[
        Method,
        Query(
            description="`ped_anova`: what sets the best trials apart, quick and fit for any study. `fanova`: what "
            "explains the values, of completed trials alone."
        ),
    ] = "ped_anova",
    metric: Annotated[
        str | None,
        Query(
            max_length=100,
            description="An objective. Without it the only one; of several ped_anova takes all, fanova the first.",
        ),
    ] = None,
    wait_seconds: Annotated[
        float, Query(ge=0, le=30, allow_inf_nan=False, description="How long to wait for a result of now.")
    ] = 0.0,
) -> Response:
    """Computed beside the requests and kept. The newest result there is is answered at once; `state` says whether it is
    of now, and a newer one is on its way if it is not.
    """
    return answer(await _analyses(request).importances(study, method, metric, wait_seconds))


@router.get(
    "/search",
    **documented(
        "get_search", "How a study is searched", answer=wire.Search, example=examples.SEARCH, errors=[StudyNotFound]
    ),
)
async def search(request: Request, study: StudyName) -> Response:
    """Who chooses the points and who decides what goes on, in words; for rungs, how many trials came to each and what
    it is worth.
    """
    return answer(await _analyses(request).search(study))


@router.get(
    "/advice",
    **documented(
        "get_advice",
        "What to change in a study",
        answer=wire.Advice,
        example=examples.ADVICE,
        errors=[StudyNotFound],
    ),
)
async def advice(request: Request, study: StudyName) -> Response:
    """From what the best trials tell of their health: whether the learning rate is at the border of stability, units
    are dead, labels look wrong, or samples are learnt by heart. Each hint says what to do and what it rests on.
    """
    return answer(await _analyses(request).advice(study))


@router.post(
    "/what-if",
    **documented(
        "replay_scheduler",
        "What another scheduler would have done",
        answer=wire.WhatIfAnswer,
        example=examples.REPLAY,
        errors=[StudyNotFound, Overloaded],
    ),
)
async def what_if(
    request: Request, study: StudyName, body: Annotated[WhatIf, Body(openapi_examples=examples.WHAT_IF)]
) -> Response:
    """Replays the curves that are there before another scheduler. It changes nothing. If the result is not there when
    the wait is over, `state` is `computing`: send the same request again.
    """
    services = served(request)
    analyses = _analyses(request)
    definition = (await analyses.study(study)).definition
    changed = definition.model_copy(update={"scheduler": body.scheduler})
    if errors := [error for error in services.refusals(changed) if error.field.startswith("scheduler")]:
        raise Invalid.of(errors)
    return answer(await analyses.what_if(study, body.scheduler, body.wait_seconds))


@router.get(
    "/trials/{number:count}/explanation",
    **documented(
        "explain_trial",
        "Why a trial is what it is",
        answer=wire.Explanation,
        example=examples.EXPLANATION,
        errors=[StudyNotFound, TrialNotFound],
    ),
)
async def explain(request: Request, study: StudyName, number: TrialNumber) -> Response:
    """Where its parameters come from, what was known then, whether the same would be suggested again, what models say
    of it, the trials that were near, and what was decided of it.
    """
    return answer(await _analyses(request).explain(study, number))


def _analyses(request: Request) -> Analyses:
    found = served(request).analyses
    assert found is not None, "the server was put together without an analyst"
    return found
