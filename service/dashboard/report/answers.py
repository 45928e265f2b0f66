"""What the charts of a report are drawn from: the answers of the API that they would ask for, gathered once."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from service.charts.trial_columns import MOST_SHOWN
from service.dashboard.report.thinning import thinned
from service.usecases.analysis.analyses import Analyses
from service.usecases.charting import Charts, Wanted
from service.wire.analysis import BestTrials, Importances
from service.wire.charts import Axis, Columns, Curves, Scale
from service.wire.study import Study

_FRONT_ROWS = 1_000
_MOST_BEST = 200
# Together they are shorter than a client is patient with a server that says nothing.
_WAIT_SECONDS = 10.0
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Answers:
    """What there is to draw: by the addresses that charts ask for, and bytes of all curves by axis and scale."""

    by_address: Mapping[str, Any]
    all_curves: Mapping[str, bytes]
    best: BestTrials
    columns: Columns
    unread: int
    """Of how many trials the curves had not been read yet."""


async def gather(study: Study, analyses: Analyses, charts: Charts) -> Answers:
    """Ask everything that the charts of a study ask."""
    name, several = study.name, len(study.definition.objectives) > 1
    curves = await _read_whole(charts, name)
    seen: dict[str, Curves] = {"step.linear": curves}
    packed: dict[str, bytes] = {}
    for axis in get_args(Axis):
        for scale in get_args(Scale):
            key = f"{axis}.{scale}"
            if key not in seen:
                seen[key] = await charts.curves(name, None, Wanted(axis=axis, scale=scale))
            if curves.of <= MOST_SHOWN:
                packed[key] = await charts.packed(name, None, axis, scale)
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
    return Answers(told, packed, best, columns, curves.of - curves.read)


def _settled(importances: Importances) -> Importances:
    """What a file can say of importances: nothing more will come."""
    if importances.state != "computing":
        return importances
    reason = "it was still being worked out when this file was made"
    return importances.model_copy(update={"state": "unknown", "reason": reason})


async def _read_whole(charts: Charts, name: str) -> Curves:
    """The curves, once all of them have been read: after a start of the server that takes a moment."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_SECONDS
    while True:
        curves = await charts.curves(name, None, Wanted())
        if curves.read >= curves.of or loop.time() > deadline:
            return curves
        await asyncio.sleep(_PAUSE_SECONDS)
