"""What charts are drawn from: curves at a level of detail, trials as columns, rungs, and who trained when."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from service.domain.errors import Invalid, StudyNotFound
from service.domain.study import Study
from service.http import chart_examples as examples
from service.http.addresses import StudyName, normal
from service.http.answers import answer
from service.http.documented import documented
from service.http.route import WireRoute
from service.http.services import served
from service.usecases import timeline
from service.usecases.charting import Charts, Wanted
from service.wire import charts as wire
from service.wire.charts import Axis, Scale
from service.wire.problem import FieldError

PACKED = "application/vnd.basin.curves"
_MOST_NUMBERS = 100
_SPACE = "/v1/studies/{study:study}"
router = APIRouter(tags=["charts"], route_class=WireRoute)

Metric = Annotated[
    str | None, Query(max_length=100, description="A metric that the trials report; without it the first objective.")
]
OnAxis = Annotated[
    Axis,
    Query(
        description="What curves lie along: steps, hours of training, or hours on GPUs. Where trials did not report "
        "how long a point took, their points are taken to have come evenly."
    ),
]
OnScale = Annotated[Scale, Query(description="How values are spread over rows: evenly, or by their logarithms.")]


@router.get(
    f"{_SPACE}/curves",
    **documented(
        "get_curves",
        "Learning curves, at a level of detail",
        answer=wire.Curves,
        example=examples.CURVES,
        errors=[StudyNotFound],
    ),
)
async def curves(
    request: Request,
    study: StudyName,
    metric: Metric = None,
    axis: OnAxis = "step",
    scale: OnScale = "linear",
    density: Annotated[bool, Query(description="Whether the density is told.")] = True,
    top: Annotated[int, Query(ge=0, le=200, description="How many of the best completed trials are lines.")] = 50,
    running: Annotated[int, Query(ge=0, le=500, description="How many of the running trials.")] = 100,
    pruned: Annotated[int, Query(ge=0, le=200, description="How many of those that were pruned last.")] = 25,
    trials: Annotated[
        str | None, Query(max_length=1_500, description="Further trials, by their numbers.", examples=["3,17"])
    ] = None,
) -> Response:
    """Density and quantiles of all curves, and some curves as lines; the best trial is always among them. Kept in
    memory, so that it costs no reading of what was read before. After a start of the server it takes a moment: `read`
    says how many trials are in it already.
    """
    wanted = Wanted(
        axis=axis,
        scale=scale,
        density=density,
        top=top,
        running=running,
        pruned=pruned,
        numbers=_numbers(trials),
    )
    return answer(await _charts(request).curves(study, metric, wanted))


@router.get(
    f"{_SPACE}/curves/all",
    **documented(
        "get_all_curves",
        "All learning curves, as bytes",
        streams={PACKED: "BSN1"},
        says="The curves, each with 100 points at most, with its peaks and gaps. docs/dashboard.md has the layout.",
        errors=[StudyNotFound],
    ),
)
async def all_curves(
    request: Request, study: StudyName, metric: Metric = None, axis: OnAxis = "step", scale: OnScale = "linear"
) -> Response:
    """16 bits for each place and each value. Of up to 20,000 trials: more could not be told apart, and are refused."""
    body = await _charts(request).packed(study, metric, axis, scale)
    return Response(body, headers={"cache-control": "no-store"}, media_type=PACKED)


@router.get(
    f"{_SPACE}/columns",
    **documented(
        "get_columns",
        "Trials as columns",
        answer=wire.Columns,
        example=examples.COLUMNS,
        errors=[StudyNotFound],
    ),
)
async def columns(
    request: Request,
    study: StudyName,
    params: Annotated[
        str | None,
        Query(
            max_length=8_000,
            description="Parameters, by their names; none for an empty text. Without it the first twelve.",
            examples=["learning_rate,dropout"],
        ),
    ] = None,
) -> Response:
    """States, values and parameters of all trials. Of more than 20,000 it tells the best tenth and 10,000 others, and
    says so.
    """
    names = None if params is None else [name for name in params.split(",") if name]
    found = await _charts(request).columns(study, names)
    if unknown := [name for name in names or () if name not in found.param_names]:
        text = f"'{unknown[0]}' is not searched by this study: take some of {', '.join(found.param_names) or 'none'}"
        raise Invalid.field("params", text)
    return answer(found)


@router.get(
    f"{_SPACE}/rungs",
    **documented(
        "get_rungs",
        "What was decided at each rung",
        answer=wire.Rungs,
        example=examples.RUNGS,
        errors=[StudyNotFound],
    ),
)
async def rungs(request: Request, study: StudyName) -> Response:
    """How many trials came to each rung, were stopped or paused there or went on, with the cuts as they were, and what
    that has saved.
    """
    return answer(await _charts(request).rungs(study, None, _scheduler))


@router.get(
    "/v1/timeline",
    **documented(
        "get_timeline",
        "Who trained what, and when",
        answer=wire.Timeline,
        example=examples.TIMELINE,
        errors=[StudyNotFound],
    ),
)
async def when(
    request: Request,
    study: Annotated[str | None, Query(max_length=200, description="Only the trials of this study.")] = None,
    hours: Annotated[
        float, Query(gt=0, le=24 * 365, allow_inf_nan=False, description="How far back, from now.")
    ] = 24.0,
) -> Response:
    """The newest attempts, 2,000 at most: of a study, or on the workers that were seen last."""
    services = served(request)
    if study is None:
        found = await services.store.read(lambda tx: timeline.of_workers(tx, hours))
    else:
        found = await services.store.read(lambda tx: timeline.of_study(tx, services.mirrors, normal(study), hours))
    stretches = tuple(
        wire.Stretch(
            study=found.studies[one.key.study_id],
            trial=one.key.number,
            attempt=one.key.attempt,
            worker=one.worker,
            worker_id=one.worker_id,
            gpu=one.gpu,
            state=one.state,
            began=one.granted_at,
            ended=one.ended_at,
        )
        for one in found.attempts
    )
    return answer(wire.Timeline(now=found.now, since=found.since, stretches=stretches, more=found.more))


def _charts(request: Request) -> Charts:
    found = served(request).charts
    assert found is not None, "the server was put together without charts"
    return found


def _scheduler(study: Study) -> str:
    return study.definition.scheduler.type


def _numbers(text: str | None) -> tuple[int, ...]:
    """Numbers of trials, as they are written: `3,17`."""
    parts = [part.strip() for part in (text or "").split(",") if part.strip()]
    wrong = [part for part in parts if not (part.isascii() and part.isdigit() and len(part) <= 15)]
    if wrong or len(parts) > _MOST_NUMBERS:
        what = f"'{wrong[0]}' is no number of a trial" if wrong else f"holds {len(parts)} numbers"
        message = f"{what}: give up to {_MOST_NUMBERS} numbers with commas between them, such as 3,17"
        raise Invalid.of([FieldError(field="trials", message=message)])
    return tuple(dict.fromkeys(map(int, parts)))
