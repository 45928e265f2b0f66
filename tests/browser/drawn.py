"""What charts say that they have drawn, and what is done to them with a mouse."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from playwright.sync_api import Page

from tests.browser.waiting import until


def chart(page: Page, name: str) -> Any:
    """What a chart says of itself; None until it is there."""
    told = page.evaluate(
        f"JSON.stringify(document.querySelector('[data-module=\"charts/{name}.js\"]')?.chart?.debug() ?? null)"
    )
    return json.loads(told)


def seen(page: Page, name: str, holds: Callable[[Any], Any]) -> Any:
    """A chart's account, once it is as it should be."""
    told: Any = None

    def look() -> bool:
        nonlocal told
        told = chart(page, name)
        return told is not None and bool(holds(told))

    try:
        until(look, f"what is wanted of {name}")
    except AssertionError as late:
        raise AssertionError(f"{late}; it says {str(told)[:600]}") from late
    return told


def linked(page: Page, name: str) -> str | None:
    """What stands in the page's address under a name, as the page itself knows it: Playwright hears of it later."""
    return parse_qs(page.evaluate("location.search").lstrip("?")).get(name, [None])[0]


def canvas(page: Page, name: str) -> dict[str, float]:
    """Where the canvas of a chart lies, once it can be seen."""
    drawn = page.locator(f'[data-module="charts/{name}.js"] canvas').first
    drawn.scroll_into_view_if_needed()
    box = drawn.bounding_box()
    assert box is not None
    return {"x": box["x"], "y": box["y"]}


def drag(page: Page, name: str, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag on a canvas from one of its places to another."""
    at = canvas(page, name)
    page.mouse.move(at["x"] + begin[0], at["y"] + begin[1])
    page.mouse.down()
    page.mouse.move(at["x"] + (begin[0] + end[0]) / 2, at["y"] + (begin[1] + end[1]) / 2)
    page.mouse.move(at["x"] + end[0], at["y"] + end[1])
    page.mouse.up()
