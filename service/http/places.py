"""Where a page of trials ends."""

import math
from datetime import datetime

from service.domain.query import Place, TrialOrder
from service.usecases.reading import TrialView


def after(view: TrialView, order: TrialOrder) -> Place:
    """The place behind a trial in a list of this order."""
    trial = view.trial
    key: float | datetime | None = None
    match order.removeprefix("-"):
        case "value":
            value = (trial.values or {}).get(view.study.definition.objectives[0].metric)
            # The store orders NaN as no value at all.
            key = None if value is None or math.isnan(value) else value
        case "started_at":
            key = trial.started_at
        case "finished_at":
            key = trial.finished_at
        case _:
            pass
    return Place(key=key, number=trial.number)
