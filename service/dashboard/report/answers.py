"""What the charts of a report are drawn from: the answers of the API that they would ask for, gathered once."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, get_args

from service.charts.letters import MOST_SHOWN
from service.dashboard.report.packing import packed
from service.dashboard.report.thinning import thinned
from service.usecases.analysis.analyses import Analyses
from service.usecases.charting import Charts, Wanted
from service.wire.analysis import BestTrials, Importances
from service.wire.charts import Axis, Columns, Curves, Scale
from service.wire.study import Study

MOST_CURVE_LETTERS = 2_800_000
"""How long single curves may be in the file: with all that stands beside them it stays below five megabytes."""
_FRONT_ROWS = 1_000
_MOST_BEST = 200
_WAIT_SECONDS = 20.0
_PATIENCE_SECONDS = 90.0
_PAUSE_SECONDS = 0.2

_VIEWS: tuple[tuple[Axis, Scale], ...] = tuple(product(get_args(Axis), get_args(Scale)))


@dataclass(frozen=True)
class Answers:
    """What there is to draw: by the addresses that charts ask for, and all curves, packed, by axis and scale."""

    by_address: Mapping[str, Any]
    single_curves: Mapping[str, str]
    best: BestTrials
    columns: Columns
    unread: int
    """Of how many trials the curves had not been read yet."""


async def gather(study: Study, analyses: Analyses, charts: Charts) -> Answers:
    """Ask everything that the charts of a study ask."""
    name, several = study.name, len(study.definition.objectives) > 1
    curves = await _read_whole(charts, name)
    seen: dict[str, Curves] = {"step.linear": curves}
    for axis, scale in _VIEWS[1:]:
        seen[f"{axis}.{scale}"] = await charts.curves(name, None, Wanted(axis=axis, scale=scale))
    single = await _single_curves(charts, name) if curves.of <= MOST_SHOWN else {}
    names = [*(await charts.columns(name, None)).param_names]
    front = await analyses.pareto(name, _FRONT_ROWS, None) if several else None
    members = {one.number for one in front.trials} if front else set()
    columns = thinned(await charts.columns(name, names), members)
    tenth = min(_MOST_BEST, max(1, -(-study.trials.completed // 10)))
    best = await analyses.best(name, tenth)
    told: dict[str, Any] = {
        "study": study,
        "columns": columns,
        "curves": seen,
        "importances": _settled(await analyses.importances(name, "ped_anova", None, _WAIT_SECONDS)),
        "best": best,
    }
    if front is not None:
        told["pareto"] = front
    return Answers(told, single, best, columns, curves.of - curves.read)


def _settled(importances: Importances) -> Importances:
    """What a file can say of importances: nothing more will come."""
    if importances.state != "computing":
        return importances
    reason = "it was still being worked out when this file was made"
    return importances.model_copy(update={"state": "unknown", "reason": reason})


async def _single_curves(charts: Charts, name: str) -> Mapping[str, str]:
    """As many as fit, those along steps first."""
    found: dict[str, str] = {}
    left = MOST_CURVE_LETTERS
    for axis, scale in _VIEWS:
        content = await charts.packed(name, None, axis, scale)
        # Packing megabytes takes a moment, in which others are answered.
        text = await asyncio.to_thread(packed, content)
        left -= len(text)
        if left < 0:
            break
        found[f"{axis}.{scale}"] = text
    return found


async def _read_whole(charts: Charts, name: str) -> Curves:
    """The curves, once all of them have been read: after a start of the server that takes a moment."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_SECONDS
    while True:
        curves = await charts.curves(name, None, Wanted())
        if curves.read >= curves.of or loop.time() > deadline:
            return curves
        await asyncio.sleep(_PAUSE_SECONDS)
