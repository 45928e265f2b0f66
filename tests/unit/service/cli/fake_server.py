"""A server in memory that answers as the real one does, as far as the commands go."""

import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httpx2
from pydantic import ValidationError

from service.wire.problem import field_errors
from service.wire.study import StudyDefinition, StudyPatch
from service.wire.trial import NewTrial

Json = dict[str, Any]
AT = "2026-01-02T03:04:05Z"
_STUDY = re.compile(r"/v1/studies/(?P<study>[^/:]+)(?::(?P<verb>\w+))?")
_TRIAL = re.compile(r"/v1/studies/(?P<study>[^/:]+)/trials/(?P<number>\d+)(?::(?P<verb>\w+)|/(?P<part>\w+))?")
_STATES = {"pause": "paused", "resume": "active", "stop": "stopped"}


def problem(status: int, code: str, detail: str, *, errors: list[Json] | None = None, **more: Any) -> httpx2.Response:
    """A refusal as the server writes it."""
    body = {"type": "about:blank", "title": "No", "status": status, "code": code, "detail": detail, "request_id": "r1"}
    headers = {"Content-Type": "application/problem+json", **more.pop("headers", {})}
    return httpx2.Response(status, json={**body, "errors": errors or [], **more}, headers=headers)


class FakeServer:
    """Studies and trials in dictionaries. `plan` puts answers or failures in front of its own."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.studies: dict[str, Json] = {}
        self.trials: dict[str, list[Json]] = {}
        self.points: list[Json] = []
        self.decisions: list[Json] = []
        self.hints: list[Json] = []
        self.planned: deque[httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]] = deque()

    def plan(self, *answers: httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]) -> None:
        self.planned.extend(answers)

    @property
    def bodies(self) -> list[Any]:
        """What was sent, request by request."""
        return [json.loads(request.content) for request in self.requests if request.content]

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if self.planned:
            answer = self.planned.popleft()
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, httpx2.Response) else answer(request)
        return self._answer(request)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.raw_path.decode().partition("?")[0]
        if path == "/v1/studies":
            return self._create(request) if request.method == "POST" else self._list(request)
        if path == "/v1/version":
            version = {"version": "1.2", "protocol": 1, "schema_revision": "7", "database": "sqlite", "python": "3"}
            return httpx2.Response(200, json=version, headers={"Date": "Fri, 02 Jan 2026 03:04:05 GMT"})
        if found := _TRIAL.fullmatch(path):
            return self._trial(unquote(found["study"]), int(found["number"]), found["verb"], found["part"])
        if path.endswith("/trials"):
            return self._trials(unquote(path.split("/")[3]), request)
        if path.endswith("/advice"):
            return httpx2.Response(200, json={"study": "s", "seq": 4, "hints": self.hints, "reason": None})
        if found := _STUDY.fullmatch(path):
            return self._study(unquote(found["study"]), found["verb"], request)
        return problem(404, "not_found", f"There is nothing at {path}.")

    def add(self, name: str, **definition: Any) -> Json:
        """Put a study there."""
        space = {"x": {"type": "float", "low": 0, "high": 1}, "kind": {"type": "categorical", "choices": ["a", "1"]}}
        given = {"name": name, "objectives": [{"metric": "loss"}], "space": space, "seed": 1, **definition}
        counts = dict.fromkeys(("queued", "running", "completed", "pruned", "failed"), 0)
        self.studies[name] = {
            "name": name,
            "state": "active",
            "archived": False,
            "definition": StudyDefinition.model_validate(given).model_dump(mode="json"),
            "revision": 3,
            "seq": 4,
            "trials": counts,
            "best": None,
            "created_at": AT,
            "updated_at": AT,
        }
        self.trials[name] = []
        return self.studies[name]

    def _create(self, request: httpx2.Request) -> httpx2.Response:
        try:
            definition = StudyDefinition.model_validate_json(request.content)
        except ValidationError as error:
            return _invalid(error, request)
        if definition.name in self.studies:
            detail = f"a study named '{definition.name}' is there already"
            taken = [{"field": "name", "message": "is taken by another study"}]
            return problem(409, "name_taken", detail, errors=taken, hint="Choose another.")
        if request.url.params.get("validate_only") == "true":
            return httpx2.Response(200, json=definition.model_dump(mode="json"))
        return httpx2.Response(201, json=self.add(**{"seed": 1, **json.loads(request.content)}))

    def _list(self, request: httpx2.Request) -> httpx2.Response:
        wanted = request.url.params.get("q") or ""
        found = [study for name, study in self.studies.items() if wanted in name]
        return httpx2.Response(200, json=_page(found, "studies", request))

    def _study(self, name: str, verb: str | None, request: httpx2.Request) -> httpx2.Response:
        study = self.studies.get(name)
        if study is None:
            return problem(404, "study_not_found", f"there is no study named '{name}'", hint="GET /v1/studies")
        if request.method == "DELETE":
            del self.studies[name]
            return httpx2.Response(204)
        if request.method == "PATCH":
            return self._patch(study, request)
        if verb in {"archive", "unarchive"}:
            study["archived"] = verb == "archive"
        elif verb is not None:
            study["state"] = _STATES[verb]
        return httpx2.Response(200, json=study)

    def _patch(self, study: Json, request: httpx2.Request) -> httpx2.Response:
        if request.headers.get("If-Match") != f'"{study["revision"]}"':
            return problem(412, "revision_mismatch", "the study was changed in between")
        try:
            patch = StudyPatch.model_validate_json(request.content)
        except ValidationError as error:
            return _invalid(error, request)
        study["definition"] |= patch.model_dump(mode="json", include=patch.model_fields_set)
        study["revision"] += 1
        return httpx2.Response(200, json=study)

    def _trials(self, study: str, request: httpx2.Request) -> httpx2.Response:
        if study not in self.studies:
            return problem(404, "study_not_found", f"there is no study named '{study}'")
        trials = self.trials[study]
        if request.method == "GET":
            return httpx2.Response(200, json=_page(trials, "trials", request))
        try:
            new = NewTrial.model_validate_json(request.content)
        except ValidationError as error:
            return _invalid(error, request)
        for trial in trials:
            if trial["request_id"] == new.request_id:
                return httpx2.Response(201, json=trial)
        return httpx2.Response(201, json=self.add_trial(study, **new.model_dump(mode="json")))

    def add_trial(self, study: str, **given: Any) -> Json:
        """Put a trial there."""
        trial = {
            "study": study,
            "number": len(self.trials[study]),
            "origin": "enqueued",
            "resolved": {**given["params"], "epochs": 3},
            "values": None,
            "attrs": {},
            "attempts": 0,
            "last_step": None,
            "failure": None,
            "seq": 1,
            "created_at": AT,
            "started_at": None,
            "finished_at": None,
            "request_id": None,
            "state": "queued",
            **given,
        }
        self.trials[study].append(trial)
        return trial

    def _trial(self, study: str, number: int, verb: str | None, part: str | None) -> httpx2.Response:
        if number >= len(self.trials.get(study, ())):
            return problem(404, "trial_not_found", f"the study has no trial {number}")
        trial = self.trials[study][number]
        if part == "attempts":
            attempt = {"attempt": 1, "state": "running", "worker": "w", "granted_at": AT, "last_step": 3}
            return httpx2.Response(200, json={"attempts": [attempt] * trial["attempts"]})
        if part is not None:
            key = "points" if part == "reports" else part
            held = {"reports": self.points, "decisions": self.decisions}
            return httpx2.Response(200, json={key: held.get(part, [])})
        if verb == "cancel":
            if trial["state"] == "completed":
                return problem(409, "wrong_state", "the trial is completed")
            trial["state"] = "cancelled"
        return httpx2.Response(200, json=trial)


def _invalid(error: ValidationError, request: httpx2.Request) -> httpx2.Response:
    found = field_errors(error, json.loads(request.content))
    errors = [{"field": one.field, "message": one.message} for one in found]
    return problem(422, "invalid_argument", str(found[0]), errors=errors)


def _page(items: list[Json], key: str, request: httpx2.Request) -> Json:
    start = int(request.url.params.get("page_token") or 0)
    size = int(request.url.params["page_size"])
    more = start + size < len(items)
    return {key: items[start : start + size], "next_page_token": str(start + size) if more else None}
