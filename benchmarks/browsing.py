"""What a page costs a browser: bytes that came over the wire, its memory, and how long one task keeps it busy."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, CDPSession, Error, Page, sync_playwright

from benchmarks import processes

_FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]
_NOTE_LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.longTasks.push(one.duration); })
  .observe({ type: "longtask", buffered: true });
"""
_POLL_SECONDS = 0.05


@dataclass
class Visit:
    """A page in a fresh window, and what is measured of it."""

    page: Page
    browser: Browser
    bytes: float = 0.0
    _session: CDPSession | None = field(default=None, repr=False)

    def longest_task_ms(self) -> float:
        """How long the page was busy at one stretch, at the most."""
        found: list[float] = self.page.evaluate("window.longTasks")
        return max(found, default=0.0)

    def busy_ms(self) -> float:
        """The sum of all stretches over 50 ms."""
        return float(self.page.evaluate("window.longTasks.reduce((sum, one) => sum + one, 0)"))

    def memory_mb(self) -> float:
        """What the largest of the browser's renderers has in memory."""
        return max(map(processes.memory, self.processes("renderer"))) / 1e6

    def processes(self, kind: str) -> list[int]:
        """The ids of the browser's processes of a kind."""
        session = self.browser.new_browser_cdp_session()
        known = session.send("SystemInfo.getProcessInfo")["processInfo"]
        session.detach()
        return [one["id"] for one in known if one["type"] == kind]

    def patiently(self, seen: Callable[[Page], Any], seconds: float) -> tuple[float | None, float]:
        """Like `until`, and the renderer's memory in MB; for pages that may freeze, and cannot even be asked then.

        When the time is over the browser is ended, so that whoever waits for its answer goes on.
        """
        renderers, (browser,) = self.processes("renderer"), self.processes("browser")
        most: list[float] = [0.0]

        def give_up() -> None:
            most[0] = max(map(processes.memory, renderers)) / 1e6
            os.kill(browser, signal.SIGKILL)

        timer = threading.Timer(seconds, give_up)
        timer.start()
        try:
            took = self.until(seen, seconds)
            return took, self.memory_mb()
        except Error:
            return None, most[0]
        finally:
            timer.cancel()

    def until(self, seen: Callable[[Page], Any], seconds: float) -> float | None:
        """Wait until something is to be seen; how long that was, or None if it did not come."""
        begin = time.perf_counter()
        while time.perf_counter() - begin < seconds:
            if seen(self.page):
                return time.perf_counter() - begin
            time.sleep(_POLL_SECONDS)
        return None


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = shutil.which("chromium")
    if path is None:
        raise SystemExit("there is no Chromium here: scripts/setup dev installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


@contextmanager
def visit(browser: Browser, address: str, *, patience: float = 30.0) -> Iterator[Visit]:
    """Open a page in a window that has nothing kept from before."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(patience * 1000)
    context.add_init_script(_NOTE_LONG_TASKS)
    page = context.new_page()
    session = context.new_cdp_session(page)
    made = Visit(page, browser, _session=session)

    def came(event: dict[str, Any]) -> None:
        made.bytes += event["encodedDataLength"]

    session.on("Network.loadingFinished", came)
    session.send("Network.enable")
    page.goto(address, wait_until="commit")
    yield made
    if browser.is_connected():
        context.close()
