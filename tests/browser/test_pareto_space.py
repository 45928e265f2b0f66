"""The front of three objectives: it is turned and zoomed, tells what lies under the pointer, and is a table, too."""

import math
import random
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import axe
from tests.browser.clerk import Clerk
from tests.browser.conftest import Windows
from tests.browser.drawn import canvas, chart, drag, linked, seen
from tests.browser.waiting import until

NAME = "pareto-space"
PARAMS = {"lr": 0.01, "depth": 3, "optimizer": "sgd"}
THREE = [{"metric": "val_loss"}, {"metric": "speed", "direction": "maximize"}, {"metric": "memory"}]
PLACED = """async ([points, turn, tilt]) => {
  const main = document.querySelector('script[type=module]').src;
  const from = (name) => import(main.replace('main.js', `charts/${name}.js`));
  const [{ Camera }, { farFirst }] = await Promise.all([from('camera'), from('cloud')]);
  const camera = new Camera(), [xs, ys, depths] = [0, 1, 2].map(() => new Float32Array(points.length / 3));
  camera.by(turn, tilt);
  camera.frame({ left: 0, top: 0, right: 600, bottom: 400 });
  camera.placeAll(points, xs, ys, depths);
  const rows = [...xs.keys()];
  return { single: rows.map((row) => camera.place(points.slice(3 * row, 3 * row + 3))),
    together: rows.map((row) => [xs[row], ys[row], depths[row]]), order: [...farFirst(depths, -1.75, 1.75)] };
}"""
# The first three are beaten by no other; the fourth is by each of them; the fifth would beat all, and is infeasible.
TRIALS = [(1.0, 5.0, 9.0), (2.0, 9.0, 5.0), (9.0, 10.0, 1.0), (9.0, 4.0, 9.5), (0.5, 11.0, 0.5)]


def add(clerk: Clerk, study: str, values: Mapping[str, float | str], state: str = "completed", **params: Any) -> None:
    body = {"params": {**PARAMS, **params}, "state": state, "values": values}
    clerk.call("POST", f"{study}/trials", body)


@pytest.fixture(scope="module")
def study(clerk: Clerk) -> str:
    made = clerk.study("three objectives", objectives=THREE)
    for place, one in enumerate(TRIALS):
        values = dict(zip(("val_loss", "speed", "memory"), one, strict=True))
        add(clerk, made, values, "infeasible" if place == 4 else "completed", lr=10 ** -(1 + place / 2))
    add(clerk, made, {"val_loss": "NaN", "speed": 1.0, "memory": 1.0}, "infeasible")
    return made


def ready(page: Page) -> Any:
    return seen(page, NAME, lambda one: one["places"] and one.get("took"))


def drawing(page: Page) -> Locator:
    return page.locator(f'[data-module="charts/{NAME}.js"] canvas')


def spot(page: Page, number: int) -> tuple[float, float]:
    """Where a trial lies in the window."""
    at = canvas(page, NAME)
    one = next(one for one in chart(page, NAME)["places"] if one["number"] == number)
    return at["x"] + one["x"], at["y"] + one["y"]


def test_trials_lie_in_a_box_by_what_they_are(
    study: str, window: Windows, picture: Callable[[Page, str], None]
) -> None:
    page = window().open(f"{study}/analysis")
    told = ready(page)
    assert told["counts"] == {"beaten": 1, "infeasible": 1, "front": 3}
    assert told["titles"] == ["val_loss ↓", "speed ↑", "memory ↓"]
    assert {one["number"]: one["kind"] for one in told["places"]}[4] == "infeasible"
    said = drawing(page).get_attribute("aria-label") or ""
    assert "3 of 4 completed trials are on the front; the best val_loss is 1 by trial 0" in said
    picture(page, "pareto-space-light")
    page.keyboard.press("t")
    seen(page, NAME, lambda one: one["drawn"] > told["drawn"])
    picture(page, "pareto-space-dark")


def test_it_is_turned_and_zoomed_by_mouse_keys_and_buttons(study: str, window: Windows) -> None:
    page = window().open(f"{study}/analysis")
    first = ready(page)
    drag(page, NAME, (300, 200), (400, 230))
    turned = seen(page, NAME, lambda one: one["turn"] != first["turn"])
    assert math.isclose(turned["turn"] - first["turn"], 0.8, abs_tol=0.05)
    assert turned["tilt"] > first["tilt"]
    assert linked(page, "sel") is None, "a drag is no click"
    drawing(page).focus()
    page.keyboard.press("ArrowLeft")
    by_key = seen(page, NAME, lambda one: one["turn"] < turned["turn"])
    for _ in range(40):
        page.keyboard.press("ArrowUp")
    assert seen(page, NAME, lambda one: one["tilt"] > 1.5)["tilt"] <= math.pi / 2
    page.keyboard.press("+")
    near = seen(page, NAME, lambda one: one["zoom"] > by_key["zoom"])["zoom"]
    at = canvas(page, NAME)
    page.mouse.move(at["x"] + 200, at["y"] + 200)
    page.mouse.wheel(0, -200)
    assert seen(page, NAME, lambda one: one["zoom"] > near)
    page.get_by_role("button", name="As at first").click()
    seen(page, NAME, lambda one: (one["turn"], one["tilt"], one["zoom"]) == (first["turn"], first["tilt"], 1))
    page.get_by_role("button", name="Farther").click()
    page.get_by_role("button", name="Turn right").click()
    seen(page, NAME, lambda one: one["zoom"] < 1 and one["turn"] > first["turn"])


def test_two_fingers_zoom_and_the_page_scrolls_at_the_end_of_the_wheel(study: str, window: Windows) -> None:
    page = window(has_touch=True).open(f"{study}/analysis")
    ready(page)
    at = canvas(page, NAME)
    session = page.context.new_cdp_session(page)

    def touch(kind: str, apart: float | None) -> None:
        middle, y = at["x"] + 300, at["y"] + 200
        points = [] if apart is None else [{"x": middle + side * apart, "y": y, "id": side + 1} for side in (-1, 1)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 40)
    touch("touchMove", 60)
    touch("touchMove", 80)
    touch("touchEnd", None)
    told = seen(page, NAME, lambda one: one["zoom"] > 1.4)
    assert linked(page, "sel") is None
    page.mouse.move(at["x"] + 300, at["y"] + 200)
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 100)
    seen(page, NAME, lambda one: one["zoom"] < told["zoom"])
    assert page.evaluate("scrollY") == before
    for _ in range(12):
        page.mouse.wheel(0, 600)
    seen(page, NAME, lambda one: one["zoom"] == 0.5)
    until(lambda: page.evaluate("scrollY") > before, "the page scrolled")


def test_the_pointer_is_told_and_a_click_selects_for_the_whole_page(study: str, window: Windows) -> None:
    page = window().open(f"{study}/analysis")
    ready(page)
    page.mouse.move(*spot(page, 1))
    tip = page.locator(f'[data-module="charts/{NAME}.js"] .tip')
    expect(tip).to_have_text("#1 · on the frontval_loss 2speed 9memory 5")
    page.mouse.click(*spot(page, 1))
    until(lambda: linked(page, "sel") == "1", "the selection in the address")
    expect(page.locator('[data-module="charts/parallel.js"] .chips')).to_contain_text("#1")
    page.locator(f'[data-module="charts/{NAME}.js"] .chips a', has_text="#1").click()
    expect(page.get_by_role("heading", name="Trial 1")).to_be_visible()
    page.go_back()
    page.goto(page.url.partition("?")[0] + "?brush=lr:0.05~0.2")
    assert seen(page, NAME, lambda one: one["kept"] is not None)["kept"] == 1


def test_it_can_be_read_as_a_table_with_scripts_and_without(study: str, window: Windows) -> None:
    page = window().open(f"{study}/analysis")
    ready(page)
    card = page.locator(f'[data-module="charts/{NAME}.js"]')
    card.get_by_role("button", name="table").click()
    rows = card.locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[1] for row in rows] == ["on the front"] * 3 + ["infeasible", "completed"]
    assert rows[0] == "#0\ton the front\t1\t5\t9"
    page = window(java_script_enabled=False).open(f"{study}/analysis")
    table = page.locator(f'[data-module="charts/{NAME}.js"] table')
    expect(table.locator("caption")).to_contain_text("completed trials that no other beats in all objectives")
    assert {row.split("\t")[0] for row in table.locator("tbody tr").all_inner_texts()} == {"#0", "#1", "#2"}
    table.get_by_role("link", name="#2").click()
    expect(page.get_by_role("heading", name="Trial 2")).to_be_visible()


def test_of_four_objectives_three_are_chosen(clerk: Clerk, window: Windows) -> None:
    study = clerk.study("four objectives", objectives=[*THREE, {"metric": "energy"}])
    page = window().open(f"{study}/analysis")
    expect(page.locator("main")).to_contain_text("No trial yet")
    add(clerk, study, {"val_loss": 1.0, "speed": 5.0, "memory": 9.0, "energy": 3.0})
    add(clerk, study, {"val_loss": 2.0, "speed": 6.0, "memory": 7.0, "energy": 2e300})
    page.reload()
    assert ready(page)["chosen"] == ["val_loss", "speed", "memory"]
    page.get_by_label("Objective of the third axis").select_option(label="val_loss")
    seen(page, NAME, lambda one: one["chosen"] == ["memory", "speed", "val_loss"])
    page.get_by_label("Objective of the first axis").select_option(label="energy")
    told = seen(page, NAME, lambda one: one["chosen"] == ["energy", "speed", "val_loss"])
    assert told["titles"][0] == "energy ↓"
    expect(page.locator(f'[data-module="charts/{NAME}.js"] .note')).to_contain_text("in all 4 objectives")


def test_the_page_with_the_box_is_accessible(study: str, window: Windows) -> None:
    page = window(reduced_motion="reduce").open(f"{study}/analysis")
    ready(page)
    page.get_by_role("button", name="Nearer").focus()
    axe.bring(page)
    wrong = []
    for scheme in axe.SCHEMES:
        page.emulate_media(color_scheme=scheme)
        wrong += axe.violations(page)
    assert wrong == []


def test_many_points_are_placed_as_one_is_and_stamped_from_far_to_near(study: str, window: Windows) -> None:
    page = window().open(f"{study}/analysis")
    ready(page)
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    points = [chance.uniform(-1, 1) for _ in range(300)]
    told = page.evaluate(PLACED, [points, chance.uniform(-7, 7), chance.uniform(-3, 3)])
    for one, many in zip(told["single"], told["together"], strict=True):
        assert one == pytest.approx(many, abs=1e-3), f"seed {seed}"
    depths = [told["single"][place][2] for place in told["order"]]
    assert sorted(told["order"]) == list(range(100))
    # Within a layer, of 64, they may lie as they come.
    assert all(far >= near - 3.5 / 64 - 1e-6 for far, near in pairwise(depths)), f"seed {seed}"
