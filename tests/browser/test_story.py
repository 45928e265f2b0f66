"""The whole story as a new user has it: from a login at an empty installation to the best trial and its export."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from service import bootstrap
from service.config import Settings
from service.wire.token import NewToken
from tests.acceptance.server_process import ServerProcess
from tests.browser import axe
from tests.browser.clerk import Clerk
from tests.browser.conftest import Windows
from tests.browser.waiting import until

ROOT = Path(__file__).parents[2]
STUDY = """\
name: first
objectives: [{metric: val_loss}]
space:
  learning_rate: {type: float, low: 1e-5, high: 0.3, log: true}
  hidden: {type: int, low: 8, high: 64}
sampler: random
scheduler: {type: median, startup_trials: 2}
budget: {max_trials: 200}
seed: 7
trainer: {name: digits-mlp, settings: {epochs: 12}}
"""


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[ServerProcess, str]]:
    """A server on which nothing is yet, and that wants tokens; with one of an admin."""
    settings = Settings(database_url=f"sqlite:///{tmp_path}/basin.db", data_dir=tmp_path)
    bootstrap.migrate(settings)
    # In a thread of its own: the browser's driver has an event loop in this one.
    with ThreadPoolExecutor(1) as aside:
        token = aside.submit(bootstrap.create_token, settings, NewToken(name="anna", role="admin")).result().token
    with ServerProcess(settings.database_url, tmp_path, require_tokens="always", lease_ttl_seconds="10") as server:
        yield server, token


@pytest.fixture
def worker(guarded: tuple[ServerProcess, str], tmp_path: Path) -> Iterator[Callable[[], None]]:
    """A real worker, once it is called for."""
    server, token = guarded
    started: list[subprocess.Popen[bytes]] = []
    (tmp_path / "token.txt").write_text(token)
    command = [
        sys.executable,
        "-m",
        "service.cli",
        "worker",
        "--trainer",
        "digits-mlp",
        "--gpus",
        "none",
        "--slots",
        "1",
    ]
    command += ["--server", server.address, "--token-file", "token.txt", "--name", "desk"]

    def start() -> None:
        with (tmp_path / "worker.log").open("wb") as log:
            started.append(subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, stdin=subprocess.DEVNULL))

    yield start
    for process in started:
        process.kill()
        process.wait(30)


def _log_in(page: Page, token: str) -> None:
    axe.bring(page)
    for scheme in axe.SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert axe.violations(page) == []
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()


def _make_the_study(page: Page, address: str) -> None:
    page.get_by_role("link", name="New study", exact=True).click()
    page.locator("[data-yaml]").fill(STUDY)
    expect(page.locator("[data-path='trainer.name']")).to_have_value("digits-mlp")
    page.get_by_role("button", name="Create and start").click()
    expect(page.get_by_text("No worker is online.")).to_be_visible()
    expect(page.locator("[data-copy]")).to_contain_text(f"--server {address} --token-file token.txt")


def _see_it_train(page: Page) -> None:
    until(lambda: page.locator("[data-part=fleet]").inner_text() == "1/1", "the worker", 60.0)
    cell = page.locator("[data-value-of]").first
    until(lambda: cell.count() == 1 and any(sign.isdigit() for sign in cell.inner_text()), "a point", 60.0)
    before = cell.inner_text()
    until(lambda: cell.count() == 1 and cell.inner_text() != before, "a curve that moves")


def _see_why_it_was_pruned(page: Page, clerk: Clerk) -> None:
    def pruned() -> list[int]:
        found = clerk.call("GET", "/studies/first/trials?state=pruned&page_size=1")["trials"]
        return [one["number"] for one in found]

    until(pruned, "a trial that is pruned", 60.0)
    page.get_by_role("link", name="Trials").click()
    expect(page.locator("td", has_text="median rung").first).to_be_visible()
    page.goto(f"{clerk.address}/studies/first/trials/{pruned()[0]}")
    expect(page.locator(".notice strong")).to_contain_text("Pruned at step")
    expect(page.locator(".notice").first).to_contain_text("worse than the median")


def _pause_and_resume(page: Page, clerk: Clerk) -> None:
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert clerk.call("GET", "/studies/first")["state"] == "paused"
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def _see_the_best_and_export(page: Page, clerk: Clerk) -> None:
    page.get_by_role("link", name="Overview").click()
    best = clerk.call("GET", "/studies/first")["best"]
    until(lambda: page.locator(".kpi b").first.inner_text() not in {"", "—"}, "the best")
    assert float(page.locator(".kpi b").first.inner_text()) <= float(f"{best['values']['val_loss']:.4g}")
    page.get_by_text("Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Trials, CSV").click()
    table = Path(download.value.path()).read_text().splitlines()
    assert "params.learning_rate" in table[0]
    assert len(table) > 3


def _be_logged_out(page: Page, clerk: Clerk) -> None:
    """Who is logged out is told, and the page stays as it was."""
    (held,) = (one for one in clerk.call("GET", "/tokens")["tokens"] if one["name"] == "anna")
    clerk.call("DELETE", f"/tokens/{held['id']}")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("[data-banner=login]")).to_contain_text("Your login has ended")
    expect(page.get_by_role("heading", name="first")).to_be_visible()
    page.get_by_role("link", name="Log in again").click()
    expect(page.get_by_label("Token")).to_be_visible()


def test_from_an_empty_installation_to_the_best_trial(
    guarded: tuple[ServerProcess, str],
    worker: Callable[[], None],
    window: Windows,
    picture: Callable[[Page, str], None],
) -> None:
    server, token = guarded
    clerk = Clerk(server.address, token)
    seen = window(server.address)
    seen.expected += ["401 (Unauthorized)"]
    page = seen.open("/studies")
    _log_in(page, f"{token[:-1]}{'b' if token[-1] == 'a' else 'a'}")
    expect(page.get_by_role("alert")).to_contain_text("token")
    _log_in(page, token)
    expect(page.get_by_text("There is no study yet")).to_be_visible()
    picture(page, "story-empty")
    _make_the_study(page, server.address)
    worker()
    _see_it_train(page)
    _see_why_it_was_pruned(page, clerk)
    picture(page, "story-pruned")
    _pause_and_resume(page, clerk)
    _see_the_best_and_export(page, clerk)
    picture(page, "story-overview")
    _be_logged_out(page, clerk)
