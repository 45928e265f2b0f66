"""A client for an application in the same process, which holds every answer to the OpenAPI document."""

import asyncio
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx2
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from service.http.app import bare
from service.http.document import text
from service.http.errors import PROBLEM_JSON
from service.wire.study import DEFINITION_EXAMPLE

STUDY: dict[str, Any] = {
    "name": "s",
    "objectives": [{"metric": "loss"}],
    "space": {
        "lr": {"type": "float", "low": 0.001, "high": 1.0, "log": True},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]},
        "momentum": {"type": "float", "low": 0.0, "high": 1.0, "when": {"optimizer": "sgd"}},
    },
}
POINT = {"lr": 0.1, "optimizer": "adamw"}


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document, made once for all tests."""
    made: dict[str, Any] = json.loads(text(bare()))
    return made


class Api:
    """Calls the application as a client on this machine would."""

    def __init__(self, app: FastAPI, *, check: bool = True) -> None:
        self.app = app
        self.check = check
        self._document = document()
        self._runner = asyncio.Runner()
        self._client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost:8420")

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()

    def run(self, work: Any) -> Any:
        """Run a coroutine in the client's event loop."""
        return self._runner.run(work)

    def call(self, method: str, path: str, body: object = None, **given: Any) -> httpx2.Response:
        """Send a request; a body is sent as JSON."""
        if body is not None:
            given["json"] = body
        response: httpx2.Response = self._runner.run(self._client.request(method, path, **given))
        if self.check:
            self._hold(method, response)
        return response

    async def send(self, method: str, path: str, content: str) -> httpx2.Response:
        """Send JSON as it is, from within the event loop."""
        headers = {"content-type": "application/json"}
        return await self._client.request(method, path, content=content, headers=headers)

    def get(self, path: str, **given: Any) -> httpx2.Response:
        return self.call("GET", path, **given)

    def post(self, path: str, body: object = None, **given: Any) -> httpx2.Response:
        return self.call("POST", path, body, **given)

    def ok(self, method: str, path: str, body: object = None, **given: Any) -> Any:
        """The answer to a request that must succeed."""
        response = self.call(method, path, body, **given)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def refused(self, method: str, path: str, body: object = None, **given: Any) -> tuple[int, str, Mapping[str, Any]]:
        """Status, code and body of a refusal."""
        response = self.call(method, path, body, **given)
        assert response.headers["content-type"] == PROBLEM_JSON, response.text
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["request_id"] == response.headers["x-request-id"]
        return response.status_code, problem["code"], problem

    def study(self, name: str = "s", **changes: Any) -> str:
        """A new study; answers its address."""
        return str(self.call("POST", "/v1/studies", {**STUDY, "name": name, **changes}).headers["location"])

    def example_study(self) -> str:
        """The study of the document's own examples."""
        return str(self.call("POST", "/v1/studies", DEFINITION_EXAMPLE).headers["location"])

    def trial(self, study: str, **body: Any) -> dict[str, Any]:
        """A new trial."""
        answer: dict[str, Any] = self.ok("POST", f"{study}/trials", {"params": POINT, **body})
        return answer

    def lease(self, study: str, **body: Any) -> dict[str, Any]:
        """A lease of a new trial."""
        self.trial(study)
        (lease,) = self.ok("POST", f"{study}:ask", {"worker": "w", **body})["leases"]
        return dict(lease)

    def _hold(self, method: str, response: httpx2.Response) -> None:
        operation = self._operation(method, response.request.url.raw_path.decode().partition("?")[0])
        if operation is None and response.request.url.path in {"/v1/openapi.json", "/docs"}:
            return
        if operation is None:
            assert response.status_code in {403, 404, 405, 413, 415, 421}, "an address that is not in the document"
            return
        said = operation["responses"].get(str(response.status_code))
        assert said is not None, f"{operation['operationId']} does not say that it may answer {response.status_code}"
        if not response.content:
            return
        kind = response.headers["content-type"]
        assert kind in said["content"], f"{operation['operationId']} does not say that it may answer {kind}"
        if kind == PROBLEM_JSON:
            assert response.json()["code"] in said["content"][kind]["examples"], response.text
        if "$ref" in said["content"][kind].get("schema", {}):
            self.hold_schema(said["content"][kind]["schema"]["$ref"], response.json())

    def hold_schema(self, reference: str, value: object) -> None:
        """Fail if a value is not what a schema of the document says."""
        schema = {"$ref": reference, "components": self._document["components"]}
        Draft202012Validator(schema).validate(value)

    def _operation(self, method: str, path: str) -> Any:
        for template, operations in self._document["paths"].items():
            pattern = re.sub(r"\{(?:number|attempt)\}", "[0-9]{1,15}", template)
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/:]+", pattern), path) and method.lower() in operations:
                return operations[method.lower()]
        return None
