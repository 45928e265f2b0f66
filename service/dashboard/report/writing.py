"""Writes a report: everything that the page needs goes into it, and its policy lets nothing else run or come in."""

import asyncio
import hashlib
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from markupsafe import Markup
from pydantic_core import to_json

from service.dashboard.assets import assets
from service.dashboard.outlines import Counts
from service.dashboard.page import environment
from service.dashboard.report.answers import Answers, gather
from service.dashboard.report.bundle import bundle
from service.dashboard.report.listing import rows
from service.dashboard.report.packing import packed
from service.http import convert
from service.usecases import reading
from service.usecases.analysis.analyses import Analyses
from service.usecases.charting import Charts
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Store
from service.usecases.reading import StudyView
from service.wire.study import Study

_ENTRY = "js/report/main.js"
_STYLES = ("css/tokens.css", "css/frame.css", "css/charts.css")
_FRONT_SHOWN = 20


@dataclass(frozen=True)
class Reports:
    """What reports are made from."""

    store: Store
    mirrors: Mirrors
    analyses: Analyses
    charts: Charts
    version: str

    async def write(self, name: str) -> bytes:
        """The report of a study, as it is now."""
        view, now = await self.store.read(lambda tx: (reading.study_view(tx, self.mirrors, name), tx.now))
        study = convert.study(view)
        answers = await gather(study, self.analyses, self.charts)
        # Packing megabytes takes a moment, in which others are answered.
        return await asyncio.to_thread(self._written, view, study, answers, now)

    def _written(self, view: StudyView, study: Study, answers: Answers, now: datetime) -> bytes:
        script, style = script_and_style()
        several = len(study.definition.objectives) > 1
        text = (
            environment()
            .get_template("report.html")
            .render(
                study=study,
                definition=study.definition,
                counts=Counts.of(view.counts),
                columns=answers.columns,
                best=answers.best.trials[:_FRONT_SHOWN] if several else answers.best.trials[:1],
                rows=rows(answers.columns),
                unread=answers.unread,
                written=study.definition.model_dump(mode="json", exclude_defaults=True),
                answers=packed(to_json(answers.by_address)),
                curves=answers.single_curves,
                policy=policy(script, style),
                script=script,
                style=style,
                version=self.version,
                now=now,
            )
        )
        return text.encode()


@cache
def script_and_style() -> tuple[Markup, Markup]:
    """The charts' modules as one script, and the style sheets as one."""
    files = assets().files

    def read(path: str) -> str:
        return files[path].content.decode()

    return Markup(bundle(_ENTRY, read)), Markup("\n".join(map(read, _STYLES)))


def policy(script: str, style: str) -> str:
    """Only this script and this style, and nothing from anywhere."""
    return (
        f"default-src 'none'; script-src 'sha256-{_hash(script)}'; style-src 'sha256-{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()
