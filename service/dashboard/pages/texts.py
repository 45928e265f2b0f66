"""What a study says in text: the logs of its trials, and its definition."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard.page import page
from service.dashboard.pages.study import head
from service.dashboard.tails import tail
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.ports import Transaction

_LISTED = 30
_LONGEST = 200


async def logs(request: Request) -> Response:
    """The log of one trial: of one that runs, or of the one that ended last, if none is named."""
    name = request.path_params["study"]
    asked = request.query_params.get("trial", "")
    text = request.query_params.get("q", "")[:_LONGEST]

    def read(tx: Transaction) -> Mapping[str, Any]:
        shown = head(request, tx, name, "logs")
        study: Study = shown["study"]
        written = sorted((it for it in list(shown["trials"].values()) if it.attempts), key=_lately, reverse=True)
        trial = tx.trials.get(study.id, int(asked)) if asked.isdigit() else next(iter(written), None)
        return {
            **shown,
            "choice": written[:_LISTED],
            "trial": trial,
            "text": text,
            "tail": None if trial is None else tail(tx, trial, text=text),
        }

    return await page(request, "study/logs.html", read)


async def config(request: Request) -> Response:
    """The definition of a study, as a file would hold it."""
    name = request.path_params["study"]

    def read(tx: Transaction) -> Mapping[str, Any]:
        shown = head(request, tx, name, "config")
        study: Study = shown["study"]
        return {**shown, "written": study.definition.model_dump(mode="json", exclude_defaults=True)}

    return await page(request, "study/config.html", read)


def _lately(trial: Trial) -> tuple[bool, float, int]:
    """Those that run first, then those that ended last."""
    ended = 0.0 if trial.finished_at is None else trial.finished_at.timestamp()
    return trial.state == "running", ended, trial.number
