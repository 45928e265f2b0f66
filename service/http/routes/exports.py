"""A whole study as a file."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from service.domain.errors import Invalid, StudyNotFound
from service.http import examples
from service.http.addresses import StudyName
from service.http.documented import documented
from service.http.export import document, parquet, table
from service.http.export.source import Source
from service.http.route import WireRoute
from service.http.services import served
from service.http.streams import Stream, attachment
from service.usecases import reading

HTML = "text/html; charset=utf-8"
# It is a file, and no page of this server: should a browser show it all the same, it may do nothing here.
_SEALED = "sandbox; default-src 'none'"
router = APIRouter(prefix="/v1/studies/{study:study}", tags=["studies"], route_class=WireRoute)


@router.get(
    "/export",
    **documented(
        "export_study",
        "Export a study",
        streams={
            table.CSV: examples.CSV,
            document.JSON: examples.EXPORT,
            parquet.PARQUET: "PAR1",
            HTML: "<!doctype html>",
        },
        says="The file.",
        headers={"Content-Disposition": "A name for the file."},
        errors=[StudyNotFound],
    ),
)
async def export(
    request: Request,
    study: StudyName,
    format: Annotated[Literal["csv", "json", "parquet", "html"], Query(description="The kind of file.")] = "csv",
    points: Annotated[
        bool, Query(description="The learning curves: as rows of their own, in JSON within the trials.")
    ] = False,
) -> Response:
    """Tables have a row for each trial, with all parameters and objectives as columns; with `points` a row for each
    point and metric. Read page by page: trials that change while you read may be shown as they were or as they are.
    HTML is a report for people: facts, charts and trials in one file that opens from a disk and asks nobody.
    """
    services = served(request)
    if format == "html":
        return await _report(request, study, points=points)
    view = await services.store.read(lambda tx: reading.study_view(tx, services.mirrors, study))
    source = Source(services.store, view.study)
    headers = {"content-disposition": attachment(f"{study}{'.points' if points else ''}.{format}")}
    match format:
        case "csv":
            return Stream(table.lines(source, points=points), table.CSV, headers)
        case "json":
            return Stream(document.pieces(source, view, points=points), document.JSON, headers)
        case "parquet":
            return Stream(parquet.pieces(source, points=points), parquet.PARQUET, headers)


async def _report(request: Request, study: str, *, points: bool) -> Response:
    if points:
        raise Invalid.field(
            "points", "is for csv, json and parquet: a report has the curves in any case, leave it away"
        )
    write = served(request).reports
    assert write is not None, "the server was put together without reports"
    headers = {"content-disposition": attachment(f"{study}.html"), "content-security-policy": _SEALED}
    return Response(await write(study), headers=headers, media_type=HTML)
