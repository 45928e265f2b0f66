"""A report: the file is opened from the disk, and its charts live, with no server and no request."""

import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import axe
from tests.browser.clerk import SPACE, Clerk
from tests.browser.conftest import Watched, Windows
from tests.browser.drawn import canvas, chart, drag, linked, seen
from tests.browser.filled import STRANGE
from tests.browser.waiting import until
from tests.patience import PATIENCE

NAME = f"{STRANGE} reported"
HOSTILE = "</script><script>document.title='taken'</script>\"'&"
THREE = [{"metric": "val_loss"}, {"metric": "speed", "direction": "maximize"}, {"metric": "memory"}]


@pytest.fixture(scope="module")
def reported(clerk: Clerk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a study whose words are hostile, written by the command."""
    space = {**SPACE, "optimizer": {"type": "categorical", "choices": ["adamw", HOSTILE]}}
    study = clerk.study(NAME, objectives=THREE, space=space, note=HOSTILE, tags=["ab"])
    trials = []
    for n in range(120):
        params = {"lr": 10 ** (-5 + 4 * n / 120), "depth": 1 + n % 24, "optimizer": ("adamw", HOSTILE)[n % 2]}
        points = [{"step": s, "metrics": {"val_loss": 1 + (n % 13) / s}, "elapsed": s} for s in (1, 2, 4, 8)]
        values = {"val_loss": 1 + (n % 13) / 8, "speed": (n * 7) % 31, "memory": (n * 5) % 17}
        trials.append({"params": params, "state": "completed", "values": values, "points": points})
    clerk.call("POST", f"{study}/trials:batch", {"trials": trials})
    file = tmp_path_factory.mktemp("reports") / "a report.html"
    command = [sys.executable, "-m", "service.cli", "study", "export", NAME, "-o", str(file), "--server", clerk.address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_size < 400_000
    return file


@pytest.fixture
def opened(browser: Browser, reported: Path) -> Iterator[Callable[..., Page]]:
    """Opens the file in windows that have no network, and that note each request and complaint."""
    made: list[Watched] = []

    def open_(**options: Any) -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True, **options)
        context.set_default_timeout(60_000)
        made.append(Watched(context, reported.as_uri()))
        asked: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.goto(reported.as_uri())
        made[-1].foreign = asked
        return page

    yield open_
    for one in made:
        one.context.close()
    for one in made:
        assert {url.partition("?")[0] for url in one.foreign} <= {reported.as_uri()}
        assert one.complaints == []


def test_a_file_from_the_disk_draws_all_charts(
    opened: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = opened()
    assert page.title() == f"{NAME} · Basin report"
    expect(page.locator("h1")).to_have_text(NAME)
    assert seen(page, "curves", lambda one: one["lines"])["of"] == 120
    assert seen(page, "history", lambda one: one["best"])["count"] == 120
    assert set(seen(page, "importance", lambda one: one["names"])["names"]) == {"lr", "depth", "optimizer"}
    assert len(seen(page, "parallel", lambda one: one["axes"] and one["painted"])["axes"]) == 4
    assert set(seen(page, "slices", lambda one: one["boxes"])["boxes"]) == {"lr", "depth", "optimizer"}
    assert seen(page, "contour", lambda one: one["points"])
    assert seen(page, "pareto", lambda one: one["shown"])["shown"] == 120
    assert seen(page, "pareto-space", lambda one: one["places"])["counts"]["front"] > 0
    assert page.evaluate("document.querySelectorAll('img, iframe, script:not([type])').length") == 0
    picture(page, "report-light")
    page.get_by_role("button", name="Dark or light").click()
    picture(page, "report-dark")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(15, 19, 25)"
    page.get_by_role("button", name="All 120").click()
    assert seen(page, "curves", lambda one: one["all"])["all"]["curves"] == 120
    page.locator('[data-module="charts/curves.js"]').get_by_role("button", name="time").click()
    page.locator('[data-module="charts/curves.js"]').get_by_role("button", name="log").click()
    assert seen(page, "curves", lambda one: one["all"] and one["axis"] == "time" and one["scale"] == "log")


def test_what_does_not_fit_is_said_and_nothing_else_is_shown_in_its_place(
    browser: Browser, reported: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small.html"
    small.write_text(reported.read_text().replace('plain" data-curves="gpu.linear"', 'plain" data-none'))
    page = browser.new_context().new_page()
    page.goto(f"{small.as_uri()}?curves=all.linear.step")
    assert seen(page, "curves", lambda one: one["all"])
    card = page.locator('[data-module="charts/curves.js"]')
    card.get_by_role("button", name="GPU h").click()
    expect(card.locator(".chart-trouble")).to_contain_text("All curves along hours on GPUs are not in this file")
    assert card.get_by_role("button", name="Try again").count() == 0
    told = seen(page, "curves", lambda one: one["all"] is None and one["domain"][1] < 1)
    assert told["axis"] == "gpu", "not what lay along steps"
    page.context.close()


def test_its_charts_tell_zoom_turn_brush_and_select(opened: Callable[..., Page]) -> None:
    page = opened()
    told = seen(page, "history", lambda one: one["best"] and one["places"])
    place = next(one for one in told["places"] if one["number"] == told["best"][-1])
    at = canvas(page, "history")
    page.mouse.move(at["x"] + place["x"], at["y"] + place["y"])
    expect(page.locator(".tip:visible")).to_contain_text(f"#{place['number']} · completed")
    page.mouse.click(at["x"] + place["x"], at["y"] + place["y"])
    expect(page.locator('[data-module="charts/curves.js"] .chips')).to_contain_text(f"#{place['number']}")
    assert page.locator(".chips a").count() == 0, "there is no page that a link could lead to"
    drag(page, "curves", (200, 60), (500, 250))
    seen(page, "curves", lambda one: one["zoom"])
    before = chart(page, "pareto-space")["turn"]
    drag(page, "pareto-space", (300, 200), (400, 200))
    seen(page, "pareto-space", lambda one: one["turn"] > before)
    axis = chart(page, "parallel")["axes"][0]
    drag(page, "parallel", (axis["x"], axis["top"] + 2), (axis["x"], (axis["top"] + axis["bottom"]) / 2))
    kept = seen(page, "parallel", lambda one: one["kept"] is not None)["kept"]
    assert 0 < kept < 120
    seen(page, "pareto-space", lambda one: one["kept"] == kept)
    trials = page.locator("section", has=page.locator("[data-trials]"))
    expect(trials.locator("header")).to_contain_text(f"{kept} of 120, those that the brushes leave")
    if (shown := linked(page, "sel")) is not None:
        assert shown == str(place["number"])


def test_the_table_of_trials_is_ordered_and_turned(opened: Callable[..., Page]) -> None:
    page = opened()
    trials = page.locator("[data-trials]")
    expect(trials.locator("tbody tr")).to_have_count(50)

    def column(place: int) -> list[str]:
        return trials.locator(f"tbody tr td:nth-child({place})").all_inner_texts()

    assert [float(text) for text in column(4)] == sorted(float(text) for text in column(4))
    trials.get_by_role("button", name="speed").click()
    trials.get_by_role("button", name="speed").click()
    assert column(5)[0] == "30"
    assert trials.locator("th[aria-sort=descending]").inner_text().startswith("speed")
    trials.get_by_role("button", name="Next").click()
    trials.get_by_role("button", name="Next").click()
    expect(trials.locator("tbody tr")).to_have_count(20)
    trials.get_by_role("checkbox").first.check()
    expect(trials.locator("tr[aria-selected=true]")).to_have_count(1)
    expect(page.locator('[data-module="charts/parallel.js"] .chips')).to_contain_text("Selected")


def test_it_is_accessible_and_can_be_read_without_scripts(opened: Callable[..., Page], reported: Path) -> None:
    # The rules are another script, which the file's own policy keeps out.
    page = opened(bypass_csp=True, reduced_motion="reduce")
    seen(page, "pareto-space", lambda one: one["places"])
    expect(page.locator("[data-trials] tbody tr")).to_have_count(50)
    axe.bring(page)
    wrong = []
    for scheme in axe.SCHEMES:
        page.emulate_media(color_scheme=scheme)
        wrong += axe.violations(page)
    assert wrong == []
    plain = opened(java_script_enabled=False).locator("main").inner_text()
    for text in (NAME, HOSTILE, "Charts need scripts", "#119", "minimize val_loss, maximize speed"):
        assert text in plain


def test_a_study_s_page_offers_its_report(reported: Path, clerk: Clerk, window: Windows) -> None:
    page = window().open(f"/studies/{quote(NAME, safe='')}")
    page.get_by_text("Export ▾").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Report, HTML").click()
    assert Path(download.value.path()).read_text().startswith("<!doctype html>")
    with urllib.request.urlopen(page.url) as answer:
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "sha256" not in answer.headers["content-security-policy"]


def test_what_an_old_browser_lacks_is_said(browser: Browser, reported: Path) -> None:
    page = browser.new_context().new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(reported.as_uri())
    until(lambda: page.locator("[data-trouble]").is_visible(), "what is wrong")
    expect(page.locator("[data-trouble]")).to_contain_text("The charts cannot be drawn in this browser.")
    page.context.close()
