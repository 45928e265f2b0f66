"""Steering from the page: with scripts and without, by two people at once, and what is refused in one sentence."""

from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.clerk import Clerk
from tests.browser.conftest import Windows
from tests.browser.filled import STRANGE
from tests.browser.waiting import until


def _state(clerk: Clerk, study: str) -> str:
    return str(clerk.call("GET", study)["state"])


def test_two_people_edit_one_study_and_the_second_is_told(clerk: Clerk, window: Windows) -> None:
    study = clerk.study("shared")
    seen = window()
    seen.expected.append("412 (Precondition Failed)")
    first, second = seen.open("/studies/shared/edit"), seen.open("/studies/shared/edit")
    for page, trials in ((first, "300"), (second, "400")):
        page.get_by_label("Trials", exact=True).fill(trials)
    first.get_by_role("button", name="Save").click()
    until(lambda: clerk.call("GET", study)["definition"]["budget"]["max_trials"] == 300, "the first change")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("alert").first).to_contain_text("Somebody else has changed this study")
    expect(second.get_by_label("Trials", exact=True)).to_have_value("400")
    assert clerk.call("GET", study)["definition"]["budget"]["max_trials"] == 300


def test_a_study_is_paused_resumed_stopped_and_deleted_from_its_page(clerk: Clerk, window: Windows) -> None:
    study = clerk.study(STRANGE + "2")
    lease = clerk.ask(study)
    clerk.report(study, lease, [0.5])
    seen = window()
    # What is deleted may just have been asked for.
    seen.expected.append("404 (Not Found)")
    page = seen.open(f"/studies/{quote(STRANGE + '2', safe='')}")
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert _state(clerk, study) == "paused"
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("link", name="Stop…").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("Let the trial that runs finish")
    dialog.get_by_label("Kill it now").check()
    dialog.get_by_role("button", name="Stop the study").click()
    expect(page.locator(".title").first).to_contain_text("stopped by a user")
    attempt = clerk.call("GET", f"{study}/trials/{lease['trial']}/attempts")["attempts"][0]
    assert (attempt["state"], attempt["failure"]["class"]) == ("lost", "cancelled")
    page.get_by_role("link", name="Delete…").click()
    dialog.get_by_label("Type its name").fill("something else")
    dialog.get_by_role("button", name="Delete the study").click()
    expect(dialog).to_contain_text("must be the study's name")
    dialog.get_by_label("Type its name").fill(STRANGE + "2")
    dialog.get_by_role("button", name="Delete the study").click()
    expect(page.get_by_role("heading", name="Studies")).to_be_visible()
    assert STRANGE + "2" not in [one["name"] for one in clerk.call("GET", "/studies")["studies"]]


def test_a_study_is_finished_from_its_page_and_the_page_follows(clerk: Clerk, window: Windows) -> None:
    study = clerk.study("to-finish", budget={"max_trials": 2})
    for loss in (0.5, 0.25):
        lease = clerk.ask(study)
        clerk.report(study, lease, [loss])
        clerk.complete(study, lease)
    page = window().open("/studies/to-finish")
    page.get_by_role("link", name="Finish the study").click()
    page.get_by_role("link", name="Finish the study…").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("The best").fill("1")
    dialog.get_by_label("Fresh seeds").fill("2")
    dialog.get_by_role("button", name="Begin").click()
    # The box is not ticked: nothing has been sent.
    expect(dialog.get_by_label("The winner is evaluated on the sealed test split")).to_be_focused()
    dialog.get_by_label("The winner is evaluated on the sealed test split").check()
    dialog.get_by_role("button", name="Begin").click()
    expect(page.locator(".kpis")).to_contain_text("0 / 3")
    until(lambda: page.locator("[data-live-dot]").get_attribute("data-state") == "live", "the stream")
    clerk.finishing(study, 3, {"test_loss": 0.375})
    expect(page.locator(".kpis")).to_contain_text("3 / 3")
    expect(page.locator(".kpis")).to_contain_text("test_loss")
    with page.expect_download() as card:
        page.get_by_role("link", name="Download", exact=True).click()
    assert card.value.suggested_filename == "MODEL_CARD.md"
    with page.expect_download() as model:
        page.get_by_role("link", name="Download its files").click()
    assert model.value.path().read_bytes() == b"weights"


def test_failed_trials_of_a_selection_are_retried(clerk: Clerk, window: Windows) -> None:
    study = clerk.study("to-retry")
    for outcome in ("failed", "completed", "failed"):
        lease = clerk.ask(study)
        clerk.report(study, lease, [0.5])
        clerk.complete(study, lease, outcome, **({"failure": {"class": "crash"}} if outcome == "failed" else {}))
    page = window().open("/studies/to-retry/trials")
    page.get_by_label("Select trial 1").check()
    expect(page.locator("[data-retry]")).to_be_hidden()
    for number in (0, 2):
        page.get_by_label(f"Select trial {number}").check()
    page.get_by_role("button", name="Retry 2").click()
    expect(page.locator("[data-toasts]")).to_contain_text("Queued again")
    for number in (0, 2):
        row = page.locator("tr", has=page.get_by_label(f"Select trial {number}"))
        expect(row).to_contain_text("queued")
    expect(page.locator("[data-retry]")).to_be_hidden()
    states = [clerk.call("GET", f"{study}/trials/{number}")["state"] for number in range(3)]
    assert states == ["queued", "completed", "queued"]


def test_what_is_wrong_with_a_point_is_said_at_its_field(clerk: Clerk, window: Windows) -> None:
    study = clerk.study("points")
    seen = window()
    seen.expected.append("422 (Unprocessable")
    page = seen.open("/studies/points")
    page.get_by_role("link", name="+ Enqueue trial").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("lr").fill("7")
    dialog.get_by_label("depth").fill("3")
    dialog.get_by_label("optimizer").select_option(label="lion")
    dialog.get_by_role("button", name="Enqueue").click()
    expect(dialog.get_by_label("lr")).to_have_attribute("aria-invalid", "true")
    expect(dialog.locator(".wrong")).to_contain_text("must")
    dialog.get_by_label("lr").fill("1e-3")
    dialog.get_by_role("button", name="Enqueue").click()
    expect(page.locator("[data-toasts]")).to_contain_text("Enqueued as trial 0")
    trial = clerk.call("GET", f"{study}/trials/0")
    assert trial["params"] == {"lr": 0.001, "depth": 3, "optimizer": "lion"}
    page.goto(f"{seen.address}/studies/points/trials/0")
    page.get_by_role("button", name="Re-run with these").click()
    expect(page.locator("[data-toasts]")).to_contain_text("Enqueued as trial 1")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".notice strong")).to_have_text("Cancelled.")
    assert clerk.call("GET", f"{study}/trials/1")["params"] == trial["params"]


def test_all_of_it_works_without_scripts(clerk: Clerk, window: Windows) -> None:
    study = clerk.study("plain", note="first")
    seen = window(java_script_enabled=False)
    seen.expected.append("412 (Precondition Failed)")
    page = seen.open("/studies/plain")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    stale = seen.open("/studies/plain/edit")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Note").fill("second")
    page.get_by_label("Tags").fill("one, two")
    page.get_by_label("Time from its creation").fill("12h30m")
    page.get_by_role("button", name="Save").click()
    definition = clerk.call("GET", study)["definition"]
    assert (definition["note"], definition["tags"]) == ("second", ["one", "two"])
    assert definition["budget"] == {**definition["budget"], "max_trials": 500, "wall_time": 45_000.0}
    stale.get_by_role("button", name="Save").click()
    expect(stale.locator("main")).to_contain_text("your change was made to revision 2")
    page.get_by_role("link", name="+ Enqueue trial").click()
    for name, value in (("lr", "0.01"), ("depth", "2")):
        page.get_by_label(name).fill(value)
    page.get_by_label("optimizer").select_option(label="sgd")
    page.get_by_role("button", name="Enqueue").click()
    expect(page.get_by_role("heading", name="Trial 0")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".notice strong")).to_have_text("Cancelled.")
    page.goto(f"{seen.address}/studies/plain/delete")
    page.get_by_label("Type its name").fill("plain")
    page.get_by_role("button", name="Delete the study").click()
    expect(page.get_by_role("heading", name="Studies")).to_be_visible()
    changes = clerk.call("GET", "/audit?object=studies/plain")["entries"]
    done = ["delete_study", "cancel_trial", "add_trial", "change_study", "pause_study", "create_study"]
    assert [one["operation"] for one in changes] == done


def _yaml(page: Page) -> str:
    return page.locator("[data-yaml]").input_value()


def test_a_study_is_written_as_a_form_and_as_yaml(clerk: Clerk, window: Windows) -> None:
    seen = window()
    seen.expected.append("422 (Unprocessable")
    page = seen.open("/new")
    page.get_by_label("Name").fill("written")
    page.locator("[data-range]").first.fill("1e-4 … 0.01")
    until(lambda: "name: written" in _yaml(page) and "low: 0.0001" in _yaml(page), "the form in the YAML")
    page.get_by_label("Sampler").select_option("tpe")
    until(lambda: "type: tpe" in _yaml(page), "the sampler")
    page.locator("[data-yaml]").fill(
        _yaml(page).replace("high: 0.01", "high: 0.00001").replace("max_trials: 100", "max_trials: 7")
    )
    wrong = page.locator("[data-wrongs]")
    expect(wrong).to_contain_text("space.learning_rate.high: must be greater than low (0.0001)")
    expect(page.locator("[data-range]").first).to_have_attribute("aria-invalid", "true")
    expect(page.locator("[data-path='budget.max_trials']")).to_have_value("7")
    line = next(
        n for n, text in enumerate(_yaml(page).splitlines(), 1) if "high: 0.00001" in text or "high: 1.0e-05" in text
    )
    expect(wrong.get_by_role("button")).to_have_text(f"Line {line}")
    page.get_by_role("button", name="Create and start").click()
    expect(page.get_by_role("heading", name="New study")).to_be_visible()
    expect(page.locator("[data-wrongs]")).to_contain_text("must be greater than low")
    page.locator("[data-range]").first.fill("1e-4 … 0.1")
    until(lambda: not page.locator("[data-wrongs]").inner_text(), "no error")
    page.get_by_role("button", name="curl").click()
    expect(page.locator("[data-shown]")).to_contain_text('"name": "written"')
    page.get_by_role("button", name="Create paused").click()
    expect(page.get_by_role("heading", name="written")).to_be_visible()
    study = clerk.call("GET", "/studies/written")
    assert (study["state"], study["definition"]["space"]["learning_rate"]["high"]) == ("paused", 0.1)
    page.goto(f"{seen.address}/new?from=written")
    expect(page.get_by_label("Name")).to_have_value("written-2")
    page.get_by_label("Name").fill("written")
    expect(page.locator("[data-wrongs]")).to_contain_text("name: is taken by another study")


@pytest.mark.parametrize("text", ["name: [", "name: a\nname: b\n", "", "- 1\n", "a: !!python/none\n"])
def test_yaml_that_cannot_be_read_is_told_with_its_line(window: Windows, text: str) -> None:
    page = window().open("/new")
    page.locator("[data-yaml]").fill(text)
    expect(page.locator("[data-wrongs] .wrong").first).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("my-study")


def test_a_worker_is_drained_from_its_page(clerk: Clerk, window: Windows) -> None:
    worker = clerk.worker(7)
    page = window().open(f"/workers/{worker}")
    page.get_by_role("button", name="Drain: finish what runs").click()
    expect(page.get_by_role("button", name="Let it take trials again")).to_be_visible()
    assert clerk.call("GET", f"/workers/{worker}")["state"] == "draining"
    page.get_by_role("button", name="Let it take trials again").click()
    expect(page.get_by_role("button", name="Drain: finish what runs")).to_be_visible()
    page.get_by_role("button", name="Forget").click()
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()
