"""Studies: create, list, read, change, move, delete."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query
from starlette.requests import Request
from starlette.responses import Response

from service.domain.errors import Invalid, NameTaken, RevisionMismatch, StudyBusy, StudyNotFound, WrongState
from service.domain.query import StudyQuery
from service.http import convert, examples, page_tokens
from service.http.addresses import IfMatch, PageSize, PageToken, StudyName, entity_tag, revision, study_path
from service.http.answers import answer
from service.http.documented import documented
from service.http.permissions import sender
from service.http.route import WireRoute
from service.http.services import Services, served
from service.http.signing import sign
from service.usecases import reading, studies, warming
from service.usecases.ports import Transaction
from service.usecases.reading import StudyView
from service.wire import study as wire
from service.wire.problem import FieldError
from service.wire.study import StopStudy, StudyDefinition, StudyPatch, StudyState
from service.wire.warm_start import WarmStart, WarmStarted

router = APIRouter(prefix="/v1/studies", tags=["studies"], route_class=WireRoute)
_FINISH = StopStudy()
_ETAG = {"ETag": "The study's revision, for If-Match."}


@router.post(
    "",
    **documented(
        "create_study",
        "Create a study",
        answer=wire.Study,
        example=examples.STUDY,
        status=201,
        headers={**_ETAG, "Location": "The study's address."},
        errors=[NameTaken],
        more={
            200: {
                "description": "With validate_only: the definition is good, and this is how it would be kept.",
                "model": StudyDefinition,
                "content": {"application/json": {"example": examples.DEFINITION.model_dump(mode="json")}},
            }
        },
    ),
)
async def create(
    request: Request,
    definition: Annotated[StudyDefinition, Body(openapi_examples=examples.CREATE)],
    validate_only: Annotated[bool, Query(description="Only say whether it could be created.")] = False,
) -> Response:
    """The body is what `study.yaml` holds. The seed is drawn by the server if none is given."""
    services = served(request)
    if errors := services.refusals(definition):
        raise Invalid.of(errors)
    if validate_only:
        await services.store.read(lambda tx: _name_is_free(tx, definition.name))
        await warming.check(services.store, services.mirrors, definition)
        return answer(definition)
    seed = services.draw_seed()
    sign(request, object=f"studies/{definition.name}")
    try:
        study, told = await warming.create(services.store, services.mirrors, definition, seed, sender(request))
    except NameTaken as taken:
        raise NameTaken(taken.message, [_TAKEN]) from None
    services.created(definition)
    view = StudyView(study, {}, None)
    if told is not None:
        view = await services.store.read(lambda tx: reading.study_view(tx, services.mirrors, study.name))
    return _answer(view, 201, {"location": study_path(study.name)}, told)


@router.get(
    "",
    **documented(
        "list_studies",
        "List studies, newest first",
        answer=wire.StudyList,
        example=examples.STUDIES,
        codes={400: ["invalid_page_token"]},
    ),
)
async def list_(
    request: Request,
    state: Annotated[list[StudyState], Query(default_factory=list, description="Only studies in one of these states.")],
    tag: Annotated[str | None, Query(max_length=64, description="Only studies with this tag.")] = None,
    q: Annotated[str | None, Query(max_length=200, description="Only studies with this text in name or note.")] = None,
    archived: Annotated[Literal["false", "true", "any"], Query(description="Whether to list archived ones.")] = "false",
    created_by: Annotated[
        str | None,
        Query(max_length=100, description="Only studies that this one created: a name, or the id of a token."),
    ] = None,
    page_size: PageSize = 100,
    page_token: PageToken = None,
) -> Response:
    """Archived studies are left out unless asked for."""
    services = served(request)
    scope = ("studies", sorted(state), tag, q, archived, created_by)
    query = StudyQuery(
        states=tuple(state),
        tag=tag,
        text=q,
        archived={"false": False, "true": True, "any": None}[archived],
        creator=created_by,
        before_id=page_tokens.read(scope, page_token, int),
        size=page_size,
    )

    def page(tx: Transaction) -> Response:
        found = reading.study_views(tx, services.mirrors, query)
        token = page_tokens.write(scope, found.items[-1].study.id) if found.more else None
        return answer(wire.StudyList(studies=tuple(map(convert.study, found.items)), next_page_token=token))

    # The answer is made where the rows are read, in a thread of its own: a long page holds nobody up.
    return await services.store.read(page)


@router.get(
    "/{study:study}",
    **documented(
        "get_study",
        "Read a study",
        answer=wire.Study,
        example=examples.STUDY,
        headers=_ETAG,
        errors=[StudyNotFound],
    ),
)
async def get(request: Request, study: StudyName) -> Response:
    """With the numbers of its trials by state, and its best trial."""
    return await _read(served(request), study)


@router.patch(
    "/{study:study}",
    **documented(
        "change_study",
        "Change note, tags, priority or budget",
        answer=wire.Study,
        example=examples.STUDY,
        headers=_ETAG,
        errors=[StudyNotFound, RevisionMismatch],
        codes={400: ["invalid_header"]},
    ),
)
async def change(
    request: Request,
    study: StudyName,
    patch: Annotated[StudyPatch, Body(openapi_examples=examples.PATCH)],
    if_match: IfMatch = None,
) -> Response:
    """What is not named stays as it is. Space, objectives, sampler and scheduler never change."""
    services, seen = served(request), revision(if_match)
    changes = patch.model_dump(mode="json", exclude_unset=True, exclude={"note"})
    sign(request, fields=sorted(patch.model_fields_set), **changes)
    await services.store.write(lambda tx: studies.change(tx, study, patch, seen))
    return await _read(services, study)


@router.delete(
    "/{study:study}",
    **documented(
        "delete_study",
        "Delete a study with everything in it",
        status=204,
        says="It is gone.",
        errors=[StudyNotFound, StudyBusy, RevisionMismatch],
        codes={400: ["invalid_header"]},
    ),
)
async def delete(
    request: Request,
    study: StudyName,
    force: Annotated[bool, Query(description="Also while trials are running.")] = False,
    if_match: IfMatch = None,
) -> Response:
    """There is no way back. Its name is free again."""
    seen = revision(if_match)
    await served(request).store.write(lambda tx: studies.delete(tx, study, force=force, revision=seen))
    return Response(status_code=204)


def _moves(operation_id: str, summary: str) -> dict[str, Any]:
    return documented(
        operation_id,
        summary,
        answer=wire.Study,
        example=examples.STUDY,
        headers=_ETAG,
        errors=[StudyNotFound, WrongState, RevisionMismatch],
        codes={400: ["invalid_header"]},
    )


@router.post("/{study:study}:pause", **_moves("pause_study", "Hand out no more trials for now"))
async def pause(request: Request, study: StudyName, if_match: IfMatch = None) -> Response:
    """Running trials go on."""
    services, seen = served(request), revision(if_match)
    await services.store.write(lambda tx: studies.pause(tx, study, seen))
    return await _read(services, study)


@router.post("/{study:study}:resume", **_moves("resume_study", "Hand out trials again"))
async def resume(request: Request, study: StudyName, if_match: IfMatch = None) -> Response:
    """After a pause, a stop or the end."""
    services, seen = served(request), revision(if_match)
    await services.store.write(lambda tx: studies.resume(tx, study, seen))
    return await _read(services, study)


@router.post("/{study:study}:stop", **_moves("stop_study", "Stop a study"))
async def stop(
    request: Request,
    study: StudyName,
    how: Annotated[StopStudy, Body(openapi_examples=examples.STOP)] = _FINISH,
    if_match: IfMatch = None,
) -> Response:
    """No more trials are handed out; it ends when the running ones have finished, or cancels them."""
    services, seen = served(request), revision(if_match)
    sign(request, running=how.running)
    await services.store.write(lambda tx: studies.stop(tx, study, how.running, seen))
    return await _read(services, study)


@router.post(
    "/{study:study}:warm-start",
    **documented(
        "warm_start_study",
        "Take trials of other studies",
        answer=wire.Study,
        example=examples.WARM_STARTED,
        headers=_ETAG,
        errors=[StudyNotFound],
    ),
)
async def warm_start(
    request: Request, study: StudyName, warm: Annotated[WarmStart, Body(openapi_examples=examples.WARM_START)]
) -> Response:
    """The same as `warm_start` in a definition does at the beginning. Asked for again, nothing is taken twice.

    `warm_start` of the answer tells what was taken of which study, and how much was left out for which reason.
    """
    services = served(request)
    sign(request, sources=list(warm.sources), use=warm.use)
    told = await warming.warm(services.store, services.mirrors, study, warm)
    view = await services.store.read(lambda tx: reading.study_view(tx, services.mirrors, study))
    return _answer(view, told=told)


@router.post("/{study:study}:archive", **_moves("archive_study", "Put a study aside"))
async def archive(request: Request, study: StudyName, if_match: IfMatch = None) -> Response:
    """It is kept, and no longer listed unless asked for."""
    services, seen = served(request), revision(if_match)
    await services.store.write(lambda tx: studies.archive(tx, study, archived=True, revision=seen))
    return await _read(services, study)


@router.post("/{study:study}:unarchive", **_moves("unarchive_study", "List a study again that was put aside"))
async def unarchive(request: Request, study: StudyName, if_match: IfMatch = None) -> Response:
    """It is listed again."""
    services, seen = served(request), revision(if_match)
    await services.store.write(lambda tx: studies.archive(tx, study, archived=False, revision=seen))
    return await _read(services, study)


_TAKEN = FieldError(field="name", message="is taken by another study")


def _name_is_free(tx: Transaction, name: str) -> None:
    try:
        tx.studies.get(name)
    except StudyNotFound:
        return
    raise NameTaken(f"a study named '{name}' is there already", [_TAKEN])


async def _read(services: Services, name: str) -> Response:
    # Not in the write itself: mirrors are refreshed in reads alone, for a write may yet be undone.
    return _answer(await services.store.read(lambda tx: reading.study_view(tx, services.mirrors, name)))


def _answer(
    view: StudyView, status: int = 200, headers: dict[str, str] | None = None, told: WarmStarted | None = None
) -> Response:
    shown = convert.study(view).model_copy(update={"warm_start": told})
    return answer(shown, status, {"etag": entity_tag(view.study.revision), **(headers or {})})
