"""A study: its head, which stands on all of its pages, and the overview."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard import outlines
from service.dashboard.page import page
from service.dashboard.running import running
from service.dashboard.site import site
from service.domain.event import Event
from service.domain.finish import Finish
from service.domain.states import STUDY
from service.domain.study import Study
from service.http.services import served
from service.usecases.finishing import reading
from service.usecases.ports import Transaction

_WINDOW = 1_000
_TROUBLES = 6
TABS = (
    ("overview", "Overview", ""),
    ("trials", "Trials", "trials"),
    ("analysis", "Analysis", "analysis"),
    ("compare", "Compare", "compare"),
    ("pruning", "Pruning", "pruning"),
    ("logs", "Logs", "logs"),
    ("config", "Config", "config"),
    ("finish", "Finish", "finish"),
)


def head(request: Request, tx: Transaction, name: str, tab: str) -> dict[str, Any]:
    """What every page of a study shows of it."""
    study = tx.studies.get(name)
    mirror = served(request).mirrors.of(tx, study)
    outline = site(request).outlines.of(study, mirror, tx.now)
    workers = tx.workers.list()
    return {
        "study": study,
        "definition": study.definition,
        "outline": outline,
        "counts": outline.counts,
        "concerns": outlines.concerns(outline, workers, tx.now),
        "workers": workers,
        "trials": mirror.trials,
        "tab": tab,
        "tabs": TABS,
        "moves": STUDY[study.state],
        "finish": next(reversed(tx.finishes.list(study.id)), None),
        "server": str(request.base_url).rstrip("/"),
    }


async def overview(request: Request) -> Response:
    """How a study is doing."""
    name = request.path_params["study"]
    charts = served(request).charts
    assert charts is not None, "the server was put together without charts"
    saved = await charts.saved(name)

    def read(tx: Transaction) -> Mapping[str, Any]:
        shown = head(request, tx, name, "overview")
        study: Study = shown["study"]
        finish: Finish | None = shown["finish"]
        numbers = [number for number, trial in list(shown["trials"].items()) if trial.state == "running"]
        return {
            **shown,
            "running": running(tx, study, numbers, shown["workers"]),
            "troubles": troubles(tx, study),
            "saved": saved,
            "progress": reading.progress(tx, finish) if finish is not None and finish.open else None,
            "present": sum(worker.state(tx.now) == "online" for worker in shown["workers"]),
        }

    return await page(request, "study/overview.html", read)


def troubles(tx: Transaction, study: Study) -> Sequence[Event]:
    """The latest trials that failed or were lost, newest first."""
    newest = tx.events.bounds()[1]
    found = tx.events.list(max(newest - _WINDOW, 0), study.name, _WINDOW)
    bad = [one for one in found if one.trial is not None and _is_trouble(one)]
    return bad[::-1][:_TROUBLES]


def _is_trouble(event: Event) -> bool:
    return event.data.get("state") in {"failed", "infeasible"} or "wait_seconds" in event.data
