"""JSON: one document with the study and its trials, with their curves if asked for, as the API shows them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from service.domain.trial import Point
from service.http import convert
from service.http.export.source import Source
from service.usecases.reading import StudyView, TrialView

JSON = "application/json"


async def pieces(source: Source, view: StudyView, *, points: bool) -> AsyncGenerator[bytes, None]:
    """The file, in pieces."""
    yield b'{"study": ' + convert.study(view).model_dump_json().encode() + b',\n"trials": ['
    between = b"\n"
    async for page in source.trials():
        if not points:
            yield between + await asyncio.to_thread(_trials, page)
            between = b",\n"
            continue
        for trial in page:
            async for piece in _with_curve(source, trial, between):
                yield piece
            between = b",\n"
    yield b"\n]}\n"


def _trials(page: Sequence[TrialView]) -> bytes:
    return b",\n".join(convert.trial_of(trial).model_dump_json().encode() for trial in page)


def _points(points: Sequence[Point]) -> bytes:
    return b",".join(convert.point(point).model_dump_json().encode() for point in points)


async def _with_curve(source: Source, view: TrialView, between: bytes) -> AsyncGenerator[bytes, None]:
    """A trial with a further member, its points."""
    yield between + convert.trial_of(view).model_dump_json().encode().removesuffix(b"}") + b', "points": ['
    between = b""
    if view.trial.attempts:
        async for points in source.points(view.trial.number):
            yield between + await asyncio.to_thread(_points, points)
            between = b","
    yield b"]}"
