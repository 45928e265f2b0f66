"""What a study tells: its analysis, a comparison of a few of its trials, and what its scheduler has decided."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard.page import page
from service.dashboard.pages.study import head
from service.domain.curve import better
from service.domain.study import Study
from service.domain.trial import Trial
from service.http.services import served
from service.usecases.ports import Transaction
from service.wire.message import Scalar
from service.wire.objective import Objective

MOST_COMPARED = 12
_FRONT_ROWS = 100


async def analysis(request: Request) -> Response:
    """Parallel coordinates, slices, contour, the front, importance, and who trained when."""
    name = request.path_params["study"]
    analyses = served(request).analyses
    assert analyses is not None, "the server was put together without an analyst"
    several = len((await analyses.study(name)).definition.objectives) > 1
    # Charts read it by themselves: it is for those who have no scripts. The volume would take longer than the page.
    front = await analyses.best(name, _FRONT_ROWS) if several else None
    return await page(
        request, "study/analysis.html", lambda tx: {**head(request, tx, name, "analysis"), "front": front}
    )


async def pruning(request: Request) -> Response:
    """The rungs, and what another scheduler would have done."""
    name = request.path_params["study"]
    analyses = served(request).analyses
    assert analyses is not None, "the server was put together without an analyst"
    search = await analyses.search(name)

    def read(tx: Transaction) -> Mapping[str, Any]:
        shown = head(request, tx, name, "pruning")
        return {**shown, "search": search.scheduler, "stopped": shown["counts"].pruned}

    return await page(request, "study/pruning.html", read)


async def compare(request: Request) -> Response:
    """A few trials beside one another: their curves, and the parameters in which they differ."""
    name = request.path_params["study"]
    asked = request.query_params.get("t", "")

    def read(tx: Transaction) -> Mapping[str, Any]:
        shown = head(request, tx, name, "compare")
        study: Study = shown["study"]
        numbers, wrong = asked_numbers(asked)
        found = tx.trials.pick(study.id, numbers)
        missing = [number for number in numbers if number not in found]
        if missing and wrong is None:
            wrong = f"The study has no trial {missing[0]}. The others are shown."
        chosen = [found[number] for number in numbers if number in found]
        attempts = tx.attempts.current(study.id, [trial.number for trial in chosen])
        last = {trial.number: Reported() for trial in chosen}
        last |= {number: Reported(one.last_metrics or {}) for number, one in attempts.items()}
        differing, alike = differences(chosen)
        return {
            **shown,
            "chosen": chosen,
            "most": MOST_COMPARED,
            "wrong": wrong,
            "last": last,
            "best_of": {one.metric: best_of(one, chosen) for one in study.definition.objectives},
            "differing": differing,
            "alike": alike,
        }

    return await page(request, "study/compare.html", read)


class Reported(dict[str, float]):
    """Metrics that were reported last: of one that was not, None."""

    def __missing__(self, name: str) -> None:
        return None


def asked_numbers(text: str) -> tuple[list[int], str | None]:
    """The numbers that somebody has typed, and what is wrong with them."""
    parts = [part.strip().lstrip("#") for part in text.replace(" ", ",").split(",") if part.strip()]
    numbers = list(dict.fromkeys(int(part) for part in parts if part.isascii() and part.isdigit() and len(part) <= 15))
    strange = [part for part in parts if not (part.isascii() and part.isdigit() and len(part) <= 15)]
    if strange:
        return numbers[:MOST_COMPARED], f"'{strange[0][:40]}' is no number of a trial: write them as 3,17,42."
    if len(numbers) > MOST_COMPARED:
        return numbers[
            :MOST_COMPARED
        ], f"More than {MOST_COMPARED} cannot be told apart: the first {MOST_COMPARED} are shown."
    return numbers, None


def differences(trials: Sequence[Trial]) -> tuple[list[tuple[str, list[Scalar]]], list[tuple[str, Scalar]]]:
    """The parameters in which trials differ, with the value of each, and those that are the same in all."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    differing: list[tuple[str, list[Scalar]]] = []
    alike: list[tuple[str, Scalar]] = []
    for name in names:
        values = [trial.params.get(name) for trial in trials]
        # 1 and True are equal to Python, and are not the same value.
        if len({(type(value), value) for value in values}) > 1:
            differing.append((name, values))
        else:
            alike.append((name, values[0]))
    return differing, alike


def best_of(objective: Objective, trials: Sequence[Trial]) -> int | None:
    """Which of some trials is the best by an objective; None if fewer than two have a value."""
    known = [
        (trial.number, value)
        for trial in trials
        if (value := (trial.values or {}).get(objective.metric)) is not None and not math.isnan(value)
    ]
    if len(known) < 2:
        return None
    number, best = known[0]
    for other, value in known[1:]:
        if better(value, best, objective.direction):
            number, best = other, value
    return number
