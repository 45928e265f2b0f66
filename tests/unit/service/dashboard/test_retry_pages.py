"""Retrying on the pages: where it is offered, and what the form without scripts does."""

import re

from service.store.memory import MemoryStore
from tests.unit.service.dashboard.conftest import Visit
from tests.unit.service.dashboard.test_routes import FORM
from tests.unit.service.http.admitting import put_all
from tests.unit.service.http.api import STUDY

CRASH = {"token": 1, "outcome": "failed", "failure": {"class": "crash", "message": "boom"}}


def test_a_failed_trial_is_retried_from_its_page(visit: Visit) -> None:
    api = visit()
    study = api.study()
    for _ in range(2):
        api.lease(study)
    api.ok("POST", f"{study}/trials/0/attempts/1:complete", CRASH)
    page = api.call("GET", "/studies/s/trials/0").text
    assert 'action="/studies/s/trials/0/retry"' in page
    assert "from its beginning" in page
    assert "/retry" not in api.call("GET", "/studies/s/trials/1").text, "it runs"
    table = api.call("GET", "/studies/s/trials").text
    assert re.findall(r'value="(\d+)" data-select data-retried', table) == ["0"]
    answer = api.call("POST", "/studies/s/trials/0/retry", content="", headers=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/studies/s/trials/0")
    assert api.ok("GET", f"{study}/trials/0")["state"] == "queued"
    again = api.call("GET", "/studies/s/trials/0").text
    assert "It comes again after 1 attempt, as soon as a worker is free." in again
    assert "/retry" not in again
    signed = api.ok("GET", "/v1/audit")["entries"][0]
    assert (signed["operation"], signed["object"], signed["detail"]) == (
        "retry_trials",
        "studies/s/trials",
        {"trials": [0]},
    )


def test_a_refusal_is_a_page_with_its_reason(visit: Visit) -> None:
    api = visit()
    study = api.study()
    api.lease(study)
    api.ok("POST", f"{study}/trials/0/attempts/1:complete", CRASH)
    api.ok("POST", f"{study}:stop")
    answer = api.call("POST", "/studies/s/trials/0/retry", content="", headers=FORM)
    assert answer.status_code == 409
    assert "is stopped and hands out no trials: resume it first" in answer.text


def test_a_viewer_is_not_offered_it(visit: Visit, store: MemoryStore) -> None:
    senders = put_all(store)
    api = visit(needs_tokens=True)
    api.ok("POST", "/v1/studies", STUDY, headers=senders["editor"])
    assert "data-retry hidden" in api.call("GET", "/studies/s/trials", headers=senders["editor"]).text
    assert "data-retry" not in api.call("GET", "/studies/s/trials", headers=senders["viewer"]).text
