"""One server and one browser for all tests here, and tabs that watch what a page does beside what it shows."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.acceptance.server_process import ServerProcess
from tests.browser.clerk import Clerk
from tests.patience import PATIENCE

_FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]
# Where pictures of pages are put, for those who want to look at them.
PICTURES = os.environ.get("BASIN_TEST_PICTURES")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("dashboard")
    # Trials that are shown as running have nobody who renews their leases.
    with ServerProcess(f"sqlite:///{folder}/basin.db", folder, lease_ttl_seconds="600") as process:
        yield process


@pytest.fixture(scope="session")
def clerk(server: ServerProcess) -> Clerk:
    return Clerk(server.address)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "the browser tests need Chromium: scripts/setup dev installs it (apt install chromium)"
    with sync_playwright() as playwright:
        expect.set_options(timeout=1_000 * PATIENCE)
        opened = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield opened
        opened.close()


class Watched:
    """A window of the browser that notes what its pages ask for and complain of."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context = context
        self.address = address
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        # What a test provokes on purpose: part of a complaint that is none.
        self.expected: list[str] = []
        context.on("request", self._asked)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def open(self, path: str) -> Page:
        """A tab at an address of the server."""
        page = self.context.new_page()
        page.goto(self.address + path)
        return page

    def check(self) -> None:
        """Nothing was asked of others, and nothing complained of."""
        assert self.foreign == []
        assert [one for one in self.complaints if not any(part in one for part in self.expected)] == []

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.address).netloc:
            self.foreign.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")


Windows = Callable[..., Watched]


@pytest.fixture
def window(browser: Browser, server: ServerProcess) -> Iterator[Windows]:
    """A maker of windows; each is looked through when the test is over."""
    made: list[Watched] = []

    def make(address: str = server.address, **options: Any) -> Watched:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
        context.set_default_timeout(60_000)
        made.append(Watched(context, address))
        return made[-1]

    yield make
    for one in made:
        one.context.close()
    for one in made:
        one.check()


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keeps a picture of a page, if it was said where."""

    def keep(page: Page, name: str) -> None:
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)

    return keep
