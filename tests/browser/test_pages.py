"""Every page: what it shows without scripts, that it is accessible, and that it keeps to its origin."""

import re
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe
from tests.browser.clerk import Clerk
from tests.browser.conftest import Windows
from tests.browser.filled import LONG, STRANGE, Filled, fill


@pytest.fixture(scope="session")
def filled(clerk: Clerk) -> Filled:
    return fill(clerk)


def test_every_page_is_accessible_and_keeps_to_its_origin(
    filled: Filled, window: Windows, picture: Callable[[Page, str], None]
) -> None:
    seen = window(reduced_motion="reduce")
    seen.expected.append("404 (Not Found)")
    page = seen.context.new_page()
    wrong = []
    for name, path in filled.pages.items():
        page.goto(seen.address + path)
        expect(page.locator("h1").first).to_be_visible()
        axe.bring(page)
        for scheme in axe.SCHEMES:
            page.emulate_media(color_scheme=scheme)
            wrong += [f"{name}, {scheme}: {found}" for found in axe.violations(page)]
            picture(page, f"{name}-{scheme}")
    assert wrong == []


def test_every_page_can_be_read_without_scripts(filled: Filled, window: Windows) -> None:
    seen = window(java_script_enabled=False)
    seen.expected.append("404 (Not Found)")
    shown = {
        "studies": ["vit-aug", STRANGE, LONG, "running", "600"],
        "finish": ["tested", "0.31", "Model card", "Download its files"],
        "finishing": ["confirming", "3 / 7", "Call it off"],
        "being-finished": ["It is being finished: 3 of 7 runs"],
        "overview": ["val_loss", "Running now", f"#{filled.running}"],
        "trials": ["pruned", "median", "CUDA error"],
        "trial-failed": ["Failed.", "CUDA error: an illegal <memory> access", "Traceback <...>"],
        "trial-pruned": ["Pruned at step 1 by median.", "worse than the median", "Why these parameters?"],
        "trial-running": ["It has come to step 1", "leased to someone"],
        "why": ["random drew it"],
        "logs": ["epoch 1", "illegal <memory> access"],
        "config": ["name: vit-aug", "<i>So</i>"],
        "strange": [STRANGE, "NaN", "1e300"],
        "empty": ["No trial yet", "basin worker --trainer"],
        "many-trials": ["600", "Next 50"],
        "workers": ["dgx-00", "gpu1", "idle"],
        "workers-table": ["NVIDIA H200", "digits-mlp"],
        "worker": ["dgx-00", "Drain"],
        "events": ["was created", "vit-aug"],
        "audit": ["create_study", "local"],
        "missing": ["Not Found", "nowhere"],
        "new": ["learning_rate: {type: float"],
        "new-from": ["name: vit-aug-2"],
        "connect": ["pip install"],
    }
    page = seen.context.new_page()
    for name, texts in shown.items():
        page.goto(seen.address + (filled.pages | filled.more)[name])
        text = page.locator("main").inner_text()
        held = text + "".join(one.input_value() for one in page.locator("textarea").all())
        assert [one for one in texts if one not in held] == [], name


def test_what_a_page_may_do_is_said_with_it(filled: Filled, clerk: Clerk) -> None:
    with urllib.request.urlopen(f"{clerk.address}/studies/{filled.study}") as answer:
        policy, text = answer.headers["content-security-policy"], answer.read().decode()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.search(r"\son\w+=|<style|\sstyle=|javascript:", text) is None
    assert set(re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL)) == {""}
    (address,) = re.findall(r'src="(/static/[^"]+/js/main.js)"', text)
    with urllib.request.urlopen(clerk.address + address) as answer:
        assert "immutable" in answer.headers["cache-control"]


def test_a_table_is_filtered_ordered_and_paged_by_its_address(filled: Filled, window: Windows) -> None:
    page = window().open(f"/studies/{filled.many}/trials?state=completed&q=depth <= 9 and value < 1&sort=value")
    values = [float(text) for text in page.locator("tbody tr td:nth-child(4)").all_inner_texts()]
    assert len(values) == 50
    assert values == sorted(values)
    assert values[-1] < 1
    page.get_by_role("link", name="Next 50").click()
    expect(page.locator("tbody tr").first).to_be_visible()
    onward = [float(text) for text in page.locator("tbody tr td:nth-child(4)").all_inner_texts()]
    assert onward[0] >= values[-1]
    page.goto(f"{page.url.partition('?')[0]}?q=learnrate < 1")
    expect(page.locator("#wrong-filter")).to_contain_text("'learnrate' is not a parameter of this study")
    expect(page.locator("input[name=q]").last).to_have_value("learnrate < 1")


def _arrived(page: Page, heading: str) -> None:
    """Wait until a page is there and listens to keys: its head is to be seen before its scripts have run."""
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    page.wait_for_load_state("domcontentloaded")


def test_keys_do_what_the_list_says(filled: Filled, window: Windows) -> None:
    page = window().open(f"/studies/{filled.many}/trials")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("tr[aria-selected=true]")).to_have_count(1)
    assert page.url.endswith("sel=598")
    expect(page.get_by_role("link", name="Compare 1")).to_be_visible()
    page.keyboard.press("f")
    page.keyboard.type("jx")
    expect(page.locator("[data-filter]")).to_have_value("jx")
    page.locator("[data-filter]").blur()
    page.keyboard.press("?")
    expect(page.get_by_text("next and previous row")).to_be_visible()
    page.keyboard.press("Escape")
    dark = page.evaluate("getComputedStyle(document.body).color")
    page.keyboard.press("t")
    assert page.evaluate("getComputedStyle(document.body).color") != dark
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    _arrived(page, "Trial 599")
    page.keyboard.press("[")
    _arrived(page, "Trial 598")
    page.keyboard.press("7")
    _arrived(page, "Definition")
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()
