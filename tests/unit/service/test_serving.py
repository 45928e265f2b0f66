"""A server that has nothing to do rests, and stops as soon as it is told to."""

import asyncio
import signal

import pytest
import uvicorn
from fastapi import FastAPI

from service import serving
from tests.patience import PATIENCE


def test_a_signal_ends_the_rest_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_LOOK_SECONDS", 3_600.0)
    app = FastAPI()
    server = serving._Server(uvicorn.Config(app), app, lambda: None)

    async def scene() -> None:
        resting = asyncio.create_task(server.main_loop())
        await asyncio.sleep(0)
        server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(resting, PATIENCE)

    asyncio.run(scene())


def test_each_look_brings_the_date_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_LOOK_SECONDS", 0.001)
    app = FastAPI()
    server = serving._Server(uvicorn.Config(app), app, lambda: None)
    ticks: list[int] = []

    async def on_tick(counter: int) -> bool:
        ticks.append(counter)
        return len(ticks) == 3

    monkeypatch.setattr(server, "on_tick", on_tick)
    asyncio.run(asyncio.wait_for(server.main_loop(), PATIENCE))
    assert ticks == [0, 10, 20]
