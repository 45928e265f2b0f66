"""The charts, through their own account of what they have drawn: what is shown, what is done to it, what stays."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.clerk import SPACE, Clerk
from tests.browser.conftest import Windows
from tests.browser.drawn import canvas, drag, linked, seen
from tests.browser.waiting import until

STUDY = "charted"
HERE = f"/studies/{STUDY}"
TWO = [{"metric": "val_loss"}, {"metric": "speed", "direction": "maximize"}]


@pytest.fixture(scope="module")
def charted(clerk: Clerk) -> Mapping[str, Any]:
    """A study with finished trials, some that were cut at a rung, and one that runs; answers the lease of that one."""
    scheduler = {"type": "asha", "mode": "stop", "min_resource": 2, "reduction_factor": 2}
    study = clerk.study(STUDY, scheduler=scheduler, budget={})
    clerk.added(study, 60)
    for n in range(6):
        lease = clerk.ask(study, f"node-{n % 2}")
        told = clerk.report(study, lease, [5.0 + n, 4.0 + n])
        stopped = told["directive"]["type"] == "stop"
        if not stopped:
            clerk.report(study, lease, [3.0 + n, 2.0 + n], first=3)
        clerk.complete(study, lease, "pruned" if stopped else "completed")
    lease = clerk.ask(study, "node-0")
    clerk.report(study, lease, [1.5, 1.25])
    return lease


def test_curves_are_drawn_zoomed_and_grow_without_losing_the_zoom(
    charted: Mapping[str, Any], clerk: Clerk, window: Windows, picture: Callable[[Page, str], None]
) -> None:
    page = window().open(HERE)
    told = seen(page, "curves", lambda one: one["lines"])
    lines = {line["number"]: line for line in told["lines"]}
    running = charted["trial"]
    assert (lines[running]["state"], lines[running]["last"]) == ("running", [2, 1.25])
    assert sum(line["why"] == "best" for line in told["lines"]) == 1
    assert [cut["rung"] for cut in told["cuts"]][:1] == [0]
    assert "Learning curves of val_loss" in (
        page.locator('[data-module="charts/curves.js"] canvas').get_attribute("aria-label") or ""
    )
    drag(page, "curves", (300, 60), (600, 250))
    zoomed = seen(page, "curves", lambda one: one["zoom"])["zoom"]
    clerk.report(f"/studies/{STUDY}", charted, [1.0], first=3)
    grown = seen(
        page, "curves", lambda one: [line for line in one["lines"] if line["number"] == running and line["points"] == 3]
    )
    assert grown["zoom"] == zoomed
    # Other axes have other stretches: there the zoom would mean nothing.
    page.keyboard.press("l")
    assert seen(page, "curves", lambda one: one["scale"] == "log")["zoom"] is None
    page.keyboard.press("a")
    page.keyboard.press("a")
    everything = seen(page, "curves", lambda one: one["all"])
    assert everything["all"]["curves"] == 67
    assert linked(page, "curves") == "all.log.step"
    picture(page, "charts-all-light")
    page.reload()
    assert seen(page, "curves", lambda one: one["all"])["mode"] == "all"
    page.get_by_role("button", name="GPU h").click()
    assert seen(page, "curves", lambda one: one["axis"] == "gpu" and one["lines"])


def test_the_metric_of_the_curves_is_chosen_and_stands_in_the_address(clerk: Clerk, window: Windows) -> None:
    study = clerk.study("measured", budget={})
    for n in range(3):
        lease = clerk.ask(study)
        clerk.report(study, lease, [0.5 - n / 10, 0.4], more={"val_accuracy": 0.8 + n / 10})
        clerk.complete(study, lease)
    seen_by = window()
    seen_by.expected.append("422 (Unprocessable")
    page = seen_by.open("/studies/measured")
    assert seen(page, "curves", lambda one: one["lines"])["metric"] == "val_loss"
    choice = page.locator('[data-module="charts/curves.js"]').get_by_label("Metric")
    expect(choice.locator("option")).to_have_text(["val_loss", "val_accuracy"])
    choice.select_option("val_accuracy")
    told = seen(page, "curves", lambda one: one.get("metric") == "val_accuracy" and one["lines"])
    assert {line["last"][1] for line in told["lines"]} == {0.8, 0.9, 1.0}
    assert linked(page, "metric") == "val_accuracy"
    named = page.locator('[data-module="charts/curves.js"] canvas').get_attribute("aria-label") or ""
    assert "Learning curves of val_accuracy" in named
    assert "The best by val_loss is trial" in named
    link = page.locator('[data-module="charts/curves.js"] [data-chart-data]')
    assert "metric=val_accuracy" in (link.get_attribute("href") or "")
    for path, name in (("compare?t=0,1&", "compare"), ("trials/1?", "trial-curve")):
        page.goto(f"{seen_by.address}/studies/measured/{path}metric=val_accuracy")
        seen(page, name, lambda one: one.get("metric") == "val_accuracy")
    page.goto(f"{seen_by.address}/studies/measured?metric=nonsense")
    trouble = page.locator('[data-module="charts/curves.js"] .chart-trouble')
    expect(trouble).to_contain_text("'nonsense' was reported by no trial of this study: take one of val_loss")
    choice.select_option("val_loss")
    assert seen(page, "curves", lambda one: one["lines"])["metric"] == "val_loss"
    expect(trouble).to_be_hidden()
    assert linked(page, "metric") is None


def test_one_selection_for_all_charts_and_the_table(charted: Mapping[str, Any], window: Windows) -> None:
    page = window().open(HERE)
    told = seen(page, "history", lambda one: one.get("count", 0) >= 67 and one["places"])
    place = next(one for one in told["places"] if one["number"] == told["best"][-1])
    at = canvas(page, "history")
    page.mouse.move(at["x"] + place["x"] + 1, at["y"] + place["y"])
    expect(page.locator(".tip:visible")).to_contain_text(f"#{place['number']}")
    page.mouse.click(at["x"] + place["x"] + 1, at["y"] + place["y"])
    until(lambda: linked(page, "sel") == str(place["number"]), "the selection in the address")
    expect(page.locator('[data-module="charts/curves.js"] .chips')).to_contain_text(f"#{place['number']}")
    page.goto(page.evaluate("location.href").replace(HERE, f"{HERE}/analysis"))
    expect(page.locator('[data-module="charts/parallel.js"] .chips a').first).to_have_text(f"#{place['number']}")
    page.get_by_role("button", name="Clear", exact=True).first.click()
    expect(page.locator('[data-module="charts/parallel.js"] .chips')).to_be_hidden()


def test_a_brush_filters_everything_and_stands_in_the_address(
    charted: Mapping[str, Any], window: Windows, picture: Callable[[Page, str], None]
) -> None:
    watched = window(color_scheme="dark")
    page = watched.open(f"{HERE}/analysis")
    axis = seen(page, "parallel", lambda one: one["axes"] and one["painted"])["axes"][0]
    # Those that wait to be run are there too, without a value.
    count = seen(page, "slices", lambda one: one["boxes"])["shown"]
    assert count >= 67
    before = seen(page, "contour", lambda one: one["points"])["points"]
    middle = (axis["top"] + axis["bottom"]) / 2
    drag(page, "parallel", (axis["x"], axis["top"] + 2), (axis["x"], middle))
    kept = seen(page, "parallel", lambda one: one["kept"] is not None)["kept"]
    assert 0 < kept < count
    assert seen(page, "slices", lambda one: one["shown"] == kept)
    assert seen(page, "contour", lambda one: one["points"] < before)["points"] <= kept
    assert seen(page, "history", lambda one: one["passing"] == kept)
    picture(page, "charts-brushed-dark")
    assert linked(page, "brush") is not None
    page.reload()
    assert seen(page, "parallel", lambda one: one["kept"] is not None)["kept"] == kept
    page.get_by_role("button", name="Clear brushes").click()
    assert seen(page, "slices", lambda one: one["shown"] == count)
    page.locator('[data-module="charts/parallel.js"]').get_by_role("button", name="table").click()
    expect(page.locator('[data-module="charts/parallel.js"] tbody tr')).to_have_count(count)
    assert seen(page, "timeline", lambda one: one["bars"])["rows"] == ["node-0", "node-1"], "not what ran elsewhere"
    page.keyboard.press("t")
    assert seen(page, "slices", lambda one: one["drawn"] > 1)


def test_compared_trials_show_what_differs(charted: Mapping[str, Any], window: Windows) -> None:
    page = window().open(f"{HERE}/compare?t=0,1,97,99999")
    assert [line["number"] for line in seen(page, "compare", lambda one: one["lines"])["lines"]] == [0, 1]
    expect(page.get_by_role("alert")).to_have_text("The study has no trial 97. The others are shown.")
    table = page.locator('[data-part="compared"]')
    expect(table).to_contain_text("lr")
    expect(table.locator("summary")).to_have_text("1 parameter is the same in all of them")
    page.goto(page.url.partition("?")[0] + "?t=x")
    expect(page.get_by_role("alert")).to_contain_text("'x' is no number of a trial")


def test_rungs_and_what_another_scheduler_had_done(
    charted: Mapping[str, Any], window: Windows, picture: Callable[[Page, str], None]
) -> None:
    page = window().open(f"{HERE}/pruning")
    rungs = seen(page, "rungs", lambda one: one["rungs"])["rungs"]
    assert (rungs[0]["rung"], rungs[0]["step"], rungs[0]["entered"]) == (0, 2, 7)
    assert rungs[0]["stopped"] > 0
    page.get_by_role("button", name="Replay").click()
    told = seen(page, "whatif", lambda one: one["state"] == "ready")
    assert "would have stopped" in told["text"]
    picture(page, "charts-pruning-light")


def test_the_curve_of_a_trial_and_its_health(charted: Mapping[str, Any], clerk: Clerk, window: Windows) -> None:
    study = clerk.study("ailing", scheduler="none")
    lease = clerk.ask(study)
    points = [
        {"step": n, "metrics": {"val_loss": 1 / n, "grad_norm": "NaN" if n == 3 else 2.0 / n, "lr": 0.1}}
        for n in (1, 2, 3)
    ]
    clerk.call(
        "POST", f"{clerk.attempt(study, lease)}:report", {"token": lease["token"], "first_seq": 1, "points": points}
    )
    page = window().open(f"{study}/trials/{lease['trial']}")
    assert seen(page, "trial-curve", lambda one: one["points"] == 3)["state"] == "running"
    health = seen(page, "metrics", lambda one: one["names"])
    assert (health["names"], health["broken"]) == (["grad_norm", "lr"], ["grad_norm"])
    page.goto(page.url.replace(f"{study}/trials/{lease['trial']}", f"{HERE}/trials/{charted['trial']}"))
    assert seen(page, "trial-curve", lambda one: one["points"] >= 2)["cuts"] is not None


def test_two_objectives_have_a_front(clerk: Clerk, window: Windows) -> None:
    study = clerk.study("pair", objectives=TWO)
    for loss, speed in ((1, 1), (2, 9), (9, 10), (9, 1)):
        params = {"lr": 0.01, "depth": 3, "optimizer": "sgd"}
        clerk.call(
            "POST",
            f"{study}/trials",
            {"params": params, "state": "completed", "values": {"val_loss": loss, "speed": speed}},
        )
    page = window().open(f"{study}/analysis")
    told = seen(page, "pareto", lambda one: one["shown"])
    assert (told["front"], told["shown"]) == ([0, 1, 2], 4)


def test_strange_studies_are_drawn_without_a_complaint(clerk: Clerk, window: Windows) -> None:
    """Nothing, one trial, values that are none or huge, sixty parameters."""
    wide = {f"p{n}": SPACE["lr"] for n in range(60)}
    study = clerk.study("wide", space=wide)
    for value in ("NaN", 1e300, -1e300, "Infinity", 0.0):
        lease = clerk.ask(study)
        clerk.report(study, lease, [value, value])
    clerk.study("void")
    page = window().open(f"{study}/analysis")
    assert len(seen(page, "parallel", lambda one: one["axes"])["axes"]) == 9
    page.goto(page.url.replace("/analysis", "?curves=all.log.time"))
    told = seen(page, "curves", lambda one: one["all"])
    assert told["all"]["curves"] == 5
    for path in ("/studies/void", "/studies/void/analysis", "/studies/void/pruning", "/studies/void/compare"):
        page.goto(page.url.partition("/studies")[0] + path)
        expect(page.locator("h1")).to_be_visible()
    page.goto(page.url.partition("/studies")[0] + "/studies/void")
    seen(page, "curves", lambda one: one["drawn"])


def test_what_cannot_be_read_says_why_and_can_be_tried_again(charted: Mapping[str, Any], window: Windows) -> None:
    watched = window()
    watched.expected.append("503")
    page = watched.context.new_page()
    refused = {"detail": "The database is away.", "request_id": "abc"}

    def away(route: Route) -> None:
        route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(refused))

    page.route("**/curves?*", away)
    page.goto(watched.address + HERE)
    trouble = page.locator('[data-module="charts/curves.js"] .chart-trouble')
    expect(trouble).to_contain_text("The database is away. (request abc)")
    page.unroute("**/curves?*")
    trouble.get_by_role("button", name="Try again").click()
    assert seen(page, "curves", lambda one: one["lines"])
    expect(trouble).to_be_hidden()
