"""Steering a study: pages with a form, and what the forms do. The API does the same for those with scripts."""

from collections.abc import Mapping
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard.fields import message, nested, seen, sent, value
from service.dashboard.page import page
from service.dashboard.pages.study import head
from service.dashboard.placing import choices, searched
from service.dashboard.shown import study_page, trial_page
from service.domain.errors import Invalid
from service.domain.study import Study
from service.http.services import served
from service.http.signing import sign
from service.usecases import retrying, studies, trials
from service.usecases.ports import Transaction
from service.wire.message import Scalar
from service.wire.study import StopStudy, StudyPatch
from service.wire.trial import NewTrial


async def pause(request: Request) -> Response:
    """Pause the study of the address."""
    name, fields = _signed(request), await sent(request)
    await served(request).store.write(lambda tx: studies.pause(tx, name, fields.revision()))
    return seen(study_page(name))


async def resume(request: Request) -> Response:
    """Resume it."""
    name, fields = _signed(request), await sent(request)
    await served(request).store.write(lambda tx: studies.resume(tx, name, fields.revision()))
    return seen(study_page(name))


async def archive(request: Request) -> Response:
    """Put it aside."""
    return await _archived(request, archived=True)


async def unarchive(request: Request) -> Response:
    """List it again."""
    return await _archived(request, archived=False)


async def stop(request: Request) -> Response:
    """Stop it, in the way that the form says."""
    name, fields = _signed(request), await sent(request)
    how = message(StopStudy, {"running": fields.text("running") or "finish"})
    sign(request, running=how.running)
    await served(request).store.write(lambda tx: studies.stop(tx, name, how.running, fields.revision()))
    return seen(study_page(name))


async def edit(request: Request) -> Response:
    """Change note, tags, priority and budget."""
    name, fields = _signed(request), await sent(request)
    budget = {key: text if key == "wall_time" else value(text) for key, text in fields.under("budget.").items()}
    data = {
        "note": fields.given.get("note", ""),
        "tags": fields.text("tags").replace(",", " ").split(),
        "priority": value(fields.text("priority") or "0"),
        "budget": nested(budget),
    }
    patch = message(StudyPatch, data)
    sign(request, fields=sorted(patch.model_fields_set), **patch.model_dump(mode="json", exclude={"note"}))
    await served(request).store.write(lambda tx: studies.change(tx, name, patch, fields.revision()))
    return seen(study_page(name))


async def enqueue(request: Request) -> Response:
    """Enqueue a trial with the parameters of the form."""
    name, fields = _signed(request), await sent(request)
    params = {key: value(text) for key, text in fields.under("params.").items()}
    return await _enqueued(request, name, message(NewTrial, {"params": params}))


async def again(request: Request) -> Response:
    """Enqueue a trial with the parameters of the one in the address."""
    name, number = _signed(request), request.path_params["number"]
    store = served(request).store
    trial = await store.read(lambda tx: tx.trials.get(tx.studies.get(name).id, number))
    return await _enqueued(request, name, NewTrial(params=dict(trial.params)))


async def retry(request: Request) -> Response:
    """Try the trial of the address once more."""
    name, number = _signed(request), request.path_params["number"]
    sign(request, object=f"studies/{name}/trials", trials=[number])
    await served(request).store.write(lambda tx: retrying.retry(tx, name, [number]))
    return seen(trial_page(name, number))


async def cancel(request: Request) -> Response:
    """Cancel the trial of the address."""
    name, number = _signed(request), request.path_params["number"]
    sign(request, object=f"studies/{name}/trials/{number}")
    await served(request).store.write(lambda tx: trials.cancel(tx, name, number))
    return seen(trial_page(name, number))


async def delete(request: Request) -> Response:
    """Delete it, if its name was typed."""
    name, fields = _signed(request), await sent(request)
    if fields.text("name") != name:
        raise Invalid.field("name", "must be the study's name, as it is, to delete it")
    force = fields.text("query.force") == "true"
    revision = fields.revision()
    await served(request).store.write(lambda tx: studies.delete(tx, name, force=force, revision=revision))
    return seen("/studies")


async def form(request: Request) -> Response:
    """The page with one of the forms: it is named last in the address."""
    name, which = request.path_params["study"], request.url.path.rpartition("/")[2]

    def read(tx: Transaction) -> Mapping[str, Any]:
        shown = head(request, tx, name, "")
        more = _points(request, tx, shown["study"], shown["outline"].best) if which == "enqueue" else {}
        return {**shown, **more}

    return await page(request, f"study/{which}.html", read)


def _points(request: Request, tx: Transaction, study: Study, best: Any) -> Mapping[str, Any]:
    """The parameters of a new trial: like another one, or like the best."""
    like = request.query_params.get("like", "")
    model = tx.trials.get(study.id, int(like)) if like.isdigit() else best
    known: Mapping[str, Scalar] = {} if model is None else model.params
    space = {name: parameter for name, parameter in study.definition.space.items() if searched(parameter)}
    return {
        "like": None if model is None else model.number,
        "points": [(name, parameter, choices(parameter), known.get(name)) for name, parameter in space.items()],
    }


async def _enqueued(request: Request, name: str, new: NewTrial) -> Response:
    sign(request, named=lambda trial: f"studies/{name}/trials/{trial.number}", state=new.state)
    trial = await served(request).store.write(lambda tx: trials.add(tx, name, new))
    return seen(trial_page(name, trial.number))


async def _archived(request: Request, *, archived: Literal[True, False]) -> Response:
    name, fields = _signed(request), await sent(request)
    await served(request).store.write(
        lambda tx: studies.archive(tx, name, archived=archived, revision=fields.revision())
    )
    return seen(study_page(name, "config"))


def _signed(request: Request) -> str:
    """The study of the address, under whose name the change is signed."""
    name: str = request.path_params["study"]
    sign(request, object=f"studies/{name}")
    return name
