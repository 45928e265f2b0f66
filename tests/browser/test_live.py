"""While pages are open: points are painted as they come, in many tabs, also when the server was away."""

import statistics

from playwright.sync_api import Page, expect

from tests.acceptance.server_process import ServerProcess
from tests.browser.clerk import Clerk
from tests.browser.conftest import Windows
from tests.browser.waiting import until

_SOON = 2.0


def _shows(page: Page, trial: int, value: str) -> float:
    """Wait until a page shows a trial's newest value; answers for how long that was."""
    cell = page.locator(f"[data-value-of='{trial}']").first
    return until(lambda: cell.count() == 1 and cell.inner_text() == value, f"the value {value}")


def _live(page: Page) -> None:
    """Wait until a page is connected."""
    expect(page.locator("[data-live-dot]")).to_have_attribute("data-state", "live")


def test_a_report_is_painted_within_two_seconds(clerk: Clerk, window: Windows) -> None:
    study = clerk.study("painted")
    lease = clerk.ask(study)
    page = window().open("/studies/painted")
    _live(page)
    clerk.report(study, lease, [0.75])
    _shows(page, lease["trial"], "0.75")
    took = []
    for seq, value, shown in ((2, 0.625, "0.625"), (3, 0.5, "0.5"), (4, "Infinity", "inf")):
        clerk.report(study, lease, [value], first=seq)
        took.append(_shows(page, lease["trial"], shown))
    assert statistics.median(took) < _SOON, took
    expect(page.locator(f"[data-step-of='{lease['trial']}']")).to_have_text("4")


def test_new_data_leave_what_the_reader_is_doing_alone(clerk: Clerk, window: Windows) -> None:
    study = clerk.study("undisturbed")
    for _ in range(3):
        clerk.complete(study, clerk.ask(study), values={"val_loss": 1.0})
    page = window().open("/studies/undisturbed/trials")
    _live(page)
    page.locator("[data-select]").first.check()
    page.locator("[data-filter]").fill("val")
    chosen = page.locator("tr[aria-selected=true] a[data-row]").inner_text()
    clerk.complete(study, clerk.ask(study), values={"val_loss": 0.5})
    expect(page.locator("td", has_text="0.5").first).to_be_visible()
    assert page.locator("tr[aria-selected=true] a[data-row]").inner_text() == chosen
    expect(page.locator("[data-filter]")).to_have_value("val")
    expect(page.locator("[data-filter]")).to_be_focused()


def test_eight_tabs_at_once_all_open_and_are_all_told(clerk: Clerk, window: Windows) -> None:
    study = clerk.study("tabs")
    lease = clerk.ask(study)
    clerk.report(study, lease, [0.9])
    seen = window()
    tabs = [seen.open("/studies/tabs" if n % 2 else "/studies") for n in range(8)]
    for tab in tabs:
        _live(tab)
    clerk.report(study, lease, [0.25], first=2)
    for tab in tabs[1::2]:
        _shows(tab, lease["trial"], "0.25")
    clerk.study("tabs-more")
    for tab in tabs[::2]:
        expect(tab.get_by_text("tabs-more")).to_be_visible()


def test_without_shared_workers_one_tab_leads(clerk: Clerk, window: Windows) -> None:
    study = clerk.study("led")
    lease = clerk.ask(study)
    clerk.report(study, lease, [0.9])
    seen = window()
    seen.context.add_init_script("delete window.SharedWorker")
    first, second = seen.open("/studies/led"), seen.open("/studies/led")
    for tab in (first, second):
        _live(tab)
    clerk.report(study, lease, [0.5], first=2)
    for tab in (first, second):
        _shows(tab, lease["trial"], "0.5")
    first.close()
    clerk.report(study, lease, [0.25], first=3)
    _shows(second, lease["trial"], "0.25")


def test_a_server_that_goes_away_is_told_of_and_come_back_to(
    server: ServerProcess, clerk: Clerk, window: Windows
) -> None:
    study = clerk.study("returning")
    seen = window()
    seen.expected += ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET"]
    page = seen.open("/studies/returning")
    _live(page)
    server.kill()
    expect(page.locator("[data-live-dot]")).to_have_attribute("data-state", "gone")
    expect(page.locator("[data-banner=gone]")).to_contain_text("No connection to the server")
    expect(page.locator("h1").first).to_have_text("returning")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("[data-toasts]")).to_contain_text("The server cannot be reached just now")
    server.start()
    lease = clerk.ask(study)
    clerk.report(study, lease, [0.5])
    _shows(page, lease["trial"], "0.5")
    _live(page)
    expect(page.locator("[data-banner=gone]")).to_have_count(0)


def test_silence_is_said_and_not_taken_for_calm(clerk: Clerk, window: Windows) -> None:
    clerk.study("silent")
    seen = window()
    page = seen.context.new_page()
    page.clock.install()
    page.goto(f"{seen.address}/studies/silent")
    _live(page)
    page.clock.run_for(23_000)
    expect(page.locator("[data-live-dot]")).to_contain_text("no update for")
