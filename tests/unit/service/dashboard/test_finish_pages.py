"""The honest end on the pages: what is shown of it without scripts, how it is begun, and what is refused."""

import re

import pytest

from service.dashboard.pages.finish import Whisker, whiskers
from service.store.memory import MemoryStore
from service.wire.finish import Candidate, Interval
from tests.unit.service.dashboard.conftest import Visit
from tests.unit.service.dashboard.test_routes import FORM
from tests.unit.service.http.admitting import put_all
from tests.unit.service.http.api import POINT, STUDY, Api

PAGE = "/studies/s/finish"
TICKED = "understood=on&top=1&seeds=2"


def text_of(api: Api, path: str = PAGE, **given: object) -> str:
    """A page as it is read."""
    text = api.call("GET", path, **given).text.partition("<main")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def ended(api: Api, **changes: object) -> None:
    """A study whose only trial has completed."""
    api.ok("POST", "/v1/studies", {**STUDY, **changes})
    values = {one["metric"]: 0.5 for one in changes.get("objectives", STUDY["objectives"])}  # type: ignore[attr-defined]
    api.ok("POST", "/v1/studies/s/trials", {"params": POINT, "state": "completed", "values": values})


def run(api: Api, metrics: dict[str, float]) -> int:
    """The next run of the study, to its end; answers its number."""
    (lease,) = api.ok("POST", "/v1/studies/s:ask", {"worker": "w"})["leases"]
    attempt = f"/v1/studies/s/trials/{lease['trial']}/attempts/1"
    point = {"step": 1, "metrics": metrics}
    api.ok("POST", f"{attempt}:report", {"token": lease["token"], "first_seq": 1, "points": [point]})
    api.ok("POST", f"{attempt}:complete", {"token": lease["token"], "outcome": "completed"})
    return int(lease["trial"])


def test_a_study_that_has_none_says_what_it_is_and_how_it_begins(visit: Visit) -> None:
    api = visit()
    api.ok("POST", "/v1/studies", {**STUDY, "name": "it's"})
    told = text_of(api, "/studies/it's/finish")
    assert "This study has not been finished." in told
    assert "study 'it's' has no completed trial: nothing to confirm" in told.replace("&#39;", "'")
    assert "Finish the study…" not in told
    ended(api)
    assert "Finish the study…" in text_of(api)
    assert "basin study finish s --top 5 --seeds 5 --wait" in text_of(api)
    api.ok("POST", "/v1/studies/s:pause")
    assert "is paused, and nothing of it would run" in text_of(api)
    assert "It cannot be begun now" in text_of(api, f"{PAGE}/begin")


def test_it_is_begun_by_who_knows_that_the_test_split_is_opened_once(visit: Visit) -> None:
    api = visit()
    ended(api)
    for body in ("top=1&seeds=2", "understood=no"):
        answer = api.call("POST", f"{PAGE}/begin", content=body, headers=FORM)
        assert (answer.status_code, "must be ticked" in answer.text) == (422, True)
    answer = api.call("POST", f"{PAGE}/begin", content="understood=on&seeds=1", headers=FORM)
    assert (answer.status_code, "seeds" in answer.text) == (422, True)
    assert api.call("GET", "/v1/studies/s/finish").status_code == 404, "nothing was begun"
    answer = api.call("POST", f"{PAGE}/begin", content=TICKED, headers=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert "confirming" in text_of(api)
    assert "0 / 3" in text_of(api)
    assert "It is being finished: 0 of 3 runs" in text_of(api, "/studies/s")
    assert "is being finished since" in api.call("POST", f"{PAGE}/begin", content=TICKED, headers=FORM).text
    answer = api.call("POST", f"{PAGE}/cancel", content="", headers=FORM)
    assert answer.status_code == 303
    assert "finish cancelled" in text_of(api)
    assert "Its finish was called off." in text_of(api, "/studies/s")
    assert "The sealed test split is still sealed" in text_of(api)


def test_the_report(visit: Visit) -> None:
    api = visit()
    ended(api)
    api.call("POST", f"{PAGE}/begin", content=TICKED, headers=FORM)
    assert api.call("GET", f"{PAGE}/card").status_code == 404
    runs = [run(api, {"loss": loss}) for loss in (0.5, 0.75)]
    told = text_of(api)
    assert "2 / 3" in told
    assert "refitting" in told
    assert [f"Trial {number}, completed" in told for number in runs] == [True, True]
    assert "0.625 [-0.9633, 2.213]" in told
    assert "Trial 0 run again (confirm) from seed" in text_of(api, f"/studies/s/trials/{runs[0]}")
    last = run(api, {"test_loss": 0.5625, "test_accuracy": 0.875})
    told = text_of(api)
    assert ("tested" in told, "0.5625" in told, "test_accuracy 0.875" in told) == (True, True, True)
    assert f"Trial {last}" in told
    assert "The sealed test split was looked at once." in told
    assert "test_loss 0.5625" in text_of(api, "/studies/s")
    card = api.call("GET", f"{PAGE}/card")
    assert card.headers["content-type"] == "text/markdown; charset=utf-8"
    assert card.headers["content-disposition"] == 'attachment; filename="MODEL_CARD.md"'
    assert card.text == api.ok("GET", "/v1/studies/s/finish")["card"]
    assert 'name="again" required' in api.call("GET", f"{PAGE}/begin").text
    answer = api.call("POST", f"{PAGE}/begin", content=TICKED, headers=FORM)
    assert (answer.status_code, "each further look makes it worth less" in answer.text) == (409, True)
    answer = api.call("POST", f"{PAGE}/begin", content=f"{TICKED}&again=new+labels", headers=FORM)
    assert answer.status_code == 303
    assert "Round 2" in text_of(api)


def test_a_trainer_without_a_test_split_is_told_of(visit: Visit) -> None:
    api = visit()
    ended(api, trainer={"name": "cnn"})
    api.call("POST", f"{PAGE}/begin", content=TICKED, headers=FORM)
    for loss in (0.5, 0.75):
        run(api, {"loss": loss})
    run(api, {"loss": 0.1})
    told = text_of(api)
    assert "The trainer cnn reported no test_... metric: no sealed test split was evaluated." in told
    assert "it was not evaluated" in told
    assert "confirmed" in told


def test_one_of_several_objectives_is_chosen(visit: Visit) -> None:
    api = visit()
    ended(api, objectives=[{"metric": "loss"}, {"metric": "speed", "direction": "maximize"}])
    assert "<option>speed</option>" in api.call("GET", f"{PAGE}/begin").text
    api.call("POST", f"{PAGE}/begin", content=f"{TICKED}&metric=speed", headers=FORM)
    assert api.ok("GET", "/v1/studies/s/finish")["metric"] == "speed"


def test_a_viewer_reads_and_begins_nothing(visit: Visit, store: MemoryStore) -> None:
    senders = put_all(store)
    api = visit(needs_tokens=True)
    api.ok("POST", "/v1/studies", STUDY, headers=senders["editor"])
    done = {"params": POINT, "state": "completed", "values": {"loss": 0.5}}
    api.ok("POST", "/v1/studies/s/trials", done, headers=senders["editor"])
    assert "Finish the study…" not in text_of(api, headers=senders["viewer"])
    assert "Finish the study…" in text_of(api, headers=senders["editor"])
    for path in ("begin", "cancel"):
        sent = api.call("POST", f"{PAGE}/{path}", content=TICKED, headers={**FORM, **senders["viewer"]})
        assert sent.status_code == 403


def _candidate(trial: int, low: float, high: float) -> Candidate:
    return Candidate(trial=trial, params={}, value=Interval(mean=(low + high) / 2, sd=1.0, low=low, high=high))


@pytest.mark.parametrize(
    ("intervals", "drawn"),
    [
        ([], {}),
        ([(1.0, 1.0)], {0: Whisker(50.0, 50.0, 50.0)}),
        ([(0.0, 1.0), (0.5, 2.0)], {0: Whisker(0.0, 25.0, 50.0), 1: Whisker(25.0, 62.5, 100.0)}),
        ([(0.0, 1.0), (0.0, float("inf"))], {0: Whisker(0.0, 50.0, 100.0)}),
    ],
)
def test_intervals_are_drawn_beside_one_another(
    intervals: list[tuple[float, float]], drawn: dict[int, Whisker]
) -> None:
    assert whiskers([_candidate(place, *one) for place, one in enumerate(intervals)]) == drawn
