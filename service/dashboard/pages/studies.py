"""The list of studies: whether each is fine, at a glance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.dashboard import outlines
from service.dashboard.outlines import Outline
from service.dashboard.page import page
from service.dashboard.site import site
from service.domain.query import StudyQuery
from service.domain.worker import Worker
from service.http import page_tokens
from service.http.permissions import sender
from service.http.services import served
from service.usecases import workers
from service.usecases.ports import Transaction

_PAGE = 200
_LONGEST = 200
SHOWS: Mapping[str, str] = {
    "all": "All",
    "mine": "Mine",
    "running": "Running",
    "attention": "Needs attention",
    "finished": "Finished",
    "archived": "Archived",
}


_APART = frozenset({"mine", "archived"})
"""The choices that are read by themselves: what belongs to another one cannot be counted there."""


@dataclass(frozen=True, slots=True)
class Row:
    """A study in the list: its outline, what should be looked at, and on how many GPUs and workers it runs."""

    outline: Outline
    concerns: Sequence[str]
    gpus: int
    workers: int

    def shows(self, which: str, mine: str | None) -> bool:
        """Whether it belongs to a choice of the list; `mine` is the id of the reader's token."""
        state = self.outline.study.state
        return {
            "mine": mine is not None and self.outline.study.creator == mine,
            "running": state in {"active", "stopping"},
            "attention": bool(self.concerns),
            "finished": state in {"completed", "stopped"},
        }.get(which, True)


SORTS: Mapping[str, Callable[[Row], Any]] = {
    "name": lambda row: row.outline.study.name.casefold(),
    "state": lambda row: row.outline.study.state,
    "best": lambda row: (row.outline.value is None, row.outline.value or 0.0),
    "trials": lambda row: row.outline.counts.all,
    "running": lambda row: row.outline.counts.running,
    "eta": lambda row: (row.outline.eta_seconds is None, row.outline.eta_seconds or 0.0),
    "updated": lambda row: row.outline.study.updated_at,
}


async def home(_: Request) -> Response:
    """The list is where one begins."""
    return RedirectResponse("/studies", 303)


async def list_(request: Request) -> Response:
    """The studies that fit what the address asks for."""
    asked = request.query_params
    me = sender(request).token
    # Without accounts nobody is anybody: all studies are everyone's.
    shows = {name: said for name, said in SHOWS.items() if name != "mine" or me is not None}
    which = asked.get("show", "all") if asked.get("show") in shows else "all"
    sort, text, tag = asked.get("sort", ""), asked.get("q", "")[:_LONGEST].strip(), asked.get("tag", "")
    creator = me if which == "mine" else None
    scope = ("dashboard studies", which == "archived", creator, text, tag)
    query = StudyQuery(
        text=text or None,
        tag=tag or None,
        archived=which == "archived",
        creator=creator,
        before_id=page_tokens.read(scope, asked.get("page") or None, int),
        size=_PAGE,
    )

    def read(tx: Transaction) -> Mapping[str, Any]:
        found = tx.studies.list(query)
        rows = _rows(request, tx, found.items)
        kept = [row for row in rows if row.shows(which, me)]
        if (key := SORTS.get(sort.removeprefix("-"))) is not None:
            kept.sort(key=key, reverse=sort.startswith("-"))
        return {
            "rows": kept,
            "show": which,
            "shows": {name: (said, sum(row.shows(name, me) for row in rows)) for name, said in shows.items()},
            "sort": sort,
            "text": text,
            "tag": tag,
            "whole": not found.more and query.before_id is None and which not in _APART,
            "accounts": me is not None,
            "more": page_tokens.write(scope, found.items[-1].id) if found.more else None,
            "nothing": not rows and not text and not tag and which not in _APART,
            "server": str(request.base_url).rstrip("/"),
        }

    return await page(request, "studies.html", read)


def _rows(request: Request, tx: Transaction, found: Sequence[Any]) -> list[Row]:
    all_workers = tx.workers.list()
    held = _held(tx, all_workers)
    mirrors, made = served(request).mirrors, site(request).outlines
    rows = []
    for study in found:
        outline = made.of(study, mirrors.of(tx, study), tx.now)
        on = held.get(study.name, [])
        rows.append(
            Row(
                outline,
                outlines.concerns(outline, all_workers, tx.now),
                sum(gpu is not None for _, gpu in on),
                len({worker for worker, _ in on}),
            )
        )
    return rows


def _held(tx: Transaction, all_workers: Sequence[Worker]) -> Mapping[str, list[tuple[str, str | None]]]:
    """By the name of a study, the worker and the GPU of each attempt that runs."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    for view in workers.views(tx, all_workers):
        for name, attempt in view.held:
            found.setdefault(name, []).append((view.worker.id, attempt.gpu))
    return found
