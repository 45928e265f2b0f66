"""The analyses, charts and reports of a server, for applications that tests put together."""

import asyncio

from service.charts.sheet import make_sheet
from service.dashboard.report.writing import Reports
from service.search.analysis.optuna_analyst import OptunaAnalyst
from service.usecases.analysis.analyses import Analyses
from service.usecases.charting import Charts
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Store


def analyses(store: Store) -> Analyses:
    """As the server has them, over this store."""
    return Analyses(store, OptunaAnalyst(), Mirrors(1_000), asyncio.to_thread, asyncio.to_thread)


def charts(store: Store) -> Charts:
    """As the server has them, over this store."""
    return Charts(store, Mirrors(1_000), make_sheet, asyncio.to_thread)


def reports(store: Store) -> Reports:
    """As the server has them, over this store."""
    return Reports(store, Mirrors(1_000), analyses(store), charts(store), "0.0.1")
