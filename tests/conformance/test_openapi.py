"""The contract of the API: the file that is kept says what the server does, and never takes anything back."""

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from service.http.app import bare
from service.http.document import operations, text
from service.http.errors import PROBLEM_JSON
from service.http.openapi import COMMAND, FILE, SCHEMA_FILE, schema_text
from tests.wire import breaks

ROOT = Path(__file__).parents[2]
PROMISED = ROOT / "tests" / "data" / "openapi.v1.promised.json"


@cache
def made() -> str:
    return text(bare())


NOW: dict[str, Any] = json.loads(made())
OPERATIONS = [pytest.param(method, found, id=found["operationId"]) for method, found in operations(NOW)]


def test_the_file_is_what_the_server_does() -> None:
    kept = (ROOT / FILE).read_text(encoding="utf-8")
    assert kept == made(), f"{FILE} is not up to date: run `{COMMAND}` and look at what has changed"


def test_the_published_study_schema_is_what_the_server_checks() -> None:
    kept = (ROOT / SCHEMA_FILE).read_text(encoding="utf-8")
    assert kept == schema_text(), f"{SCHEMA_FILE} is not up to date: run `{COMMAND}`"


def test_old_clients_still_work() -> None:
    """Against what was promised: a change that breaks clients belongs into another version of the API.

    The file of promises is replaced by the contract of the day when a version is released, and at no other time.
    """
    assert list(breaks(json.loads(PROMISED.read_text(encoding="utf-8")), NOW)) == []


def test_operation_ids_are_distinct() -> None:
    ids = [found["operationId"] for _, found in operations(NOW)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("method", "operation"), OPERATIONS)
class TestEveryOperation:
    """What readers of the document may rely on."""

    def test_it_is_described(self, method: str, operation: dict[str, Any]) -> None:
        assert operation["operationId"].isidentifier()
        assert operation["summary"]
        assert operation["description"]
        assert operation["tags"]
        assert all(parameter["description"] for parameter in operation.get("parameters", ()))

    def test_requests_have_examples_that_are_valid(self, method: str, operation: dict[str, Any]) -> None:
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert content["examples"]
            for example in content["examples"].values():
                valid(content["schema"], example["value"])

    def test_answers_have_examples_that_are_valid(self, method: str, operation: dict[str, Any]) -> None:
        good = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
        assert good
        for status, answer in good.items():
            assert answer["description"]
            assert ("content" in answer) is (status != "204")
            for content in answer.get("content", {}).values():
                valid(content["schema"], content["example"])

    def test_refusals_say_their_codes(self, method: str, operation: dict[str, Any]) -> None:
        bad = {status: answer for status, answer in operation["responses"].items() if not status.startswith("2")}
        assert "500" in bad
        assert ("413" in bad) is (method in {"post", "patch", "put", "delete"})
        assert ("400" in bad) or "application/json" not in operation.get("requestBody", {}).get("content", {})
        for status, answer in bad.items():
            (kind,) = answer["content"]
            content = answer["content"][kind]
            assert kind == PROBLEM_JSON
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert content["examples"]
            for code in content["examples"]:
                assert f"`{code}`" in answer["description"]
                example = NOW["components"]["examples"][code]["value"]
                assert (example["code"], example["status"]) == (code, int(status))
                valid(content["schema"], example)


def valid(schema: Any, value: object) -> None:
    Draft202012Validator({**schema, "components": NOW["components"]}).validate(value)


def test_all_references_lead_somewhere() -> None:
    for reference in references(NOW):
        found: Any = NOW
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


# What follows shows that `breaks` sees what it is there to see, on a document small enough to be read.
def api() -> dict[str, Any]:
    """An API with one operation, whose messages have a bit of everything."""
    return {
        "paths": {
            "/x": {
                "post": {
                    "parameters": [
                        {"in": "query", "name": "q", "schema": {"type": "integer", "minimum": 0}},
                        {"in": "query", "name": "state", "schema": {"type": "array", "items": {"enum": ["a", "b"]}}},
                    ],
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ask"}}}},
                    "responses": {
                        "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Told"}}}},
                        "404": {"content": {"application/problem+json": {"schema": {}}}},
                    },
                },
                "get": {"responses": {"204": {}}},
            }
        },
        "components": {
            "schemas": {
                "Ask": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "maxLength": 9},
                        "kind": {"anyOf": [{"$ref": "#/components/schemas/One"}, {"$ref": "#/components/schemas/Two"}]},
                        "mode": {"enum": ["a", "b"]},
                        "size": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                        "parts": {"type": "array", "items": {"allOf": [{"$ref": "#/components/schemas/One"}]}},
                        "free": {"type": "object", "additionalProperties": {"type": "string"}},
                        "open": {"type": "object", "additionalProperties": True},
                        "named": {"type": "object", "patternProperties": {"^a": {"type": "string"}}},
                        "tree": {"$ref": "#/components/schemas/Tree"},
                    },
                },
                "One": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"type": {"const": "one"}, "low": {"type": "number"}},
                },
                "Two": {"type": "object", "additionalProperties": False, "properties": {"type": {"const": "two"}}},
                "Tree": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
                },
                "Told": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {
                        "id": {"type": "integer"},
                        "state": {"type": "string", "enum": ["on", "off"]},
                        "at": {"type": "string", "format": "date-time"},
                        "rows": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}},
                        "more": {"type": ["string", "null"]},
                        "any": {},
                    },
                },
                "Row": {
                    "type": "object",
                    "properties": {
                        "value": {"anyOf": [{"type": "number"}, {"enum": ["NaN"], "type": "string"}]},
                        "tags": {"type": "object", "additionalProperties": {"type": "integer"}},
                    },
                },
            }
        },
    }


def post(a: Any) -> Any:
    return a["paths"]["/x"]["post"]


def fields(a: Any, name: str) -> Any:
    return a["components"]["schemas"][name]["properties"]


def required(a: Any, name: str, field: str) -> object:
    schema = a["components"]["schemas"][name]
    schema["required"] = [*schema.get("required", ()), field]
    return schema


BROKEN: list[tuple[Callable[[Any], object], str]] = [
    (lambda a: a["paths"].pop("/x"), "post /x: is gone"),
    (lambda a: a["paths"]["/x"].pop("get"), "get /x: is gone"),
    (lambda a: post(a)["parameters"].pop(0), "post /x: parameter q is no longer known"),
    (lambda a: post(a)["parameters"][0].update(required=True), "post /x: parameter q is now required"),
    (
        lambda a: post(a)["parameters"].append({"in": "query", "name": "n", "required": True, "schema": {}}),
        "post /x: parameter n is now required",
    ),
    (lambda a: post(a)["parameters"][0]["schema"].update(minimum=1), "parameter q has a narrower minimum"),
    (lambda a: post(a)["parameters"][0]["schema"].update(type="boolean"), "parameter q may be integer"),
    (lambda a: post(a)["parameters"][1]["schema"]["items"]["enum"].pop(), "parameter state[] may be 'b'"),
    (lambda a: post(a).pop("requestBody"), "post /x: body is no longer read"),
    (lambda a: post(a)["requestBody"].update(required=True), "post /x: body is now required"),
    (lambda a: post(a)["requestBody"]["content"].clear(), "body is no longer read as application/json"),
    (lambda a: fields(a, "Ask").pop("mode"), "body.mode is no longer known"),
    (lambda a: required(a, "Ask", "mode"), "body.mode is now required"),
    (lambda a: (fields(a, "Ask").update(new={}), required(a, "Ask", "new")), "body.new is now required"),
    (lambda a: fields(a, "Ask")["mode"]["enum"].remove("a"), "body.mode may be 'a'"),
    (lambda a: fields(a, "Ask")["name"].update(enum=["x"]), "body.name may be anything"),
    (lambda a: fields(a, "Ask")["name"].update(maxLength=8), "body.name has a narrower maxLength"),
    (lambda a: fields(a, "Ask")["name"].update(minLength=1), "body.name has a narrower minLength"),
    (lambda a: fields(a, "Ask")["name"].update(pattern="^a"), "body.name has another pattern"),
    (lambda a: fields(a, "Ask")["name"].update(type="integer"), "body.name may be string"),
    (lambda a: fields(a, "Ask")["size"]["anyOf"].pop(), "body.size may be null"),
    (lambda a: fields(a, "Ask")["size"]["anyOf"][0].update(type="integer"), "body.size may be number"),
    (lambda a: fields(a, "Ask")["kind"]["anyOf"].pop(), "body.kind may be type 'two'"),
    (lambda a: fields(a, "One").update(type={"const": "uno"}), "body.kind may be type 'one'"),
    (lambda a: required(a, "One", "low"), "body.parts[].low is now required"),
    (lambda a: fields(a, "One").pop("low"), "body.parts[].low is no longer known"),
    (lambda a: fields(a, "Ask")["free"].update(additionalProperties=False), "body.free may no longer have names"),
    (
        lambda a: fields(a, "Ask")["free"].update(additionalProperties={"type": "integer"}),
        "body.free.* may be string",
    ),
    (lambda a: fields(a, "Ask")["free"].update(propertyNames={"maxLength": 3}), "body.free has other rules for names"),
    (lambda a: fields(a, "Ask")["named"]["patternProperties"].update({"^a": {"type": "null"}}), "body.named.* may be"),
    (lambda a: fields(a, "Ask")["named"].update(patternProperties={"^b": {"type": "string"}}), "named has other rules"),
    (lambda a: fields(a, "Ask")["open"].update(additionalProperties=False), "body.open may no longer have names"),
    (lambda a: fields(a, "Tree")["children"].update(maxItems=2), "body.tree.children has a narrower maxItems"),
    (lambda a: post(a)["responses"].pop("200"), "post /x: 200 is no longer answered"),
    (lambda a: post(a)["responses"]["200"]["content"].clear(), "200 is no longer answered as application/json"),
    (lambda a: fields(a, "Told").pop("state"), "200.state is no longer sent"),
    (lambda a: fields(a, "Told").pop("id"), "200.id is no longer sent"),
    (lambda a: a["components"]["schemas"]["Told"].update(required=[]), "200.id may now be absent"),
    (lambda a: fields(a, "Told")["state"]["enum"].append("gone"), "200.state may be 'gone'"),
    (lambda a: fields(a, "Told")["state"].pop("enum"), "200.state may be anything"),
    (lambda a: fields(a, "Told")["id"].update(type="string"), "200.id may be string"),
    (lambda a: fields(a, "Told")["id"].update(type=["integer", "null"]), "200.id may be null"),
    (lambda a: fields(a, "Told")["id"].update(type="number"), "200.id may be number"),
    (lambda a: fields(a, "Told")["at"].update(format="date"), "200.at has another format"),
    (
        lambda a: fields(a, "Told")["rows"]["items"].update({"$ref": "#/components/schemas/Two"}),
        "rows[].value is no longer",
    ),
    (lambda a: fields(a, "Row").pop("tags"), "200.rows[].tags is no longer sent"),
    (lambda a: fields(a, "Row")["value"]["anyOf"][1]["enum"].append("inf"), "200.rows[].value may be 'inf'"),
    (lambda a: fields(a, "Row")["tags"]["additionalProperties"].update(type="string"), "rows[].tags.* may be string"),
]

HARMLESS: list[Callable[[Any], object]] = [
    lambda a: None,
    lambda a: a["paths"].update({"/y": {"get": {"responses": {}}}}),
    lambda a: post(a)["parameters"].append({"in": "query", "name": "n", "schema": {}}),
    lambda a: post(a)["parameters"][0]["schema"].pop("minimum"),
    lambda a: post(a)["parameters"][0]["schema"].update(type="number"),
    lambda a: post(a)["responses"].pop("404"),
    lambda a: post(a)["responses"].update({"202": {}}),
    lambda a: fields(a, "Ask").update(new={"type": "string"}),
    lambda a: fields(a, "Ask")["mode"]["enum"].append("c"),
    lambda a: fields(a, "Ask")["name"].update(maxLength=10),
    lambda a: fields(a, "Ask")["size"]["anyOf"].append({"type": "string"}),
    lambda a: fields(a, "Ask")["kind"]["anyOf"].reverse(),
    lambda a: a["components"]["schemas"]["Ask"].update(required=[]),
    lambda a: a["components"]["schemas"]["Ask"].update(additionalProperties=True),
    lambda a: fields(a, "Told").update(new={"type": "string"}),
    lambda a: required(a, "Told", "state"),
    lambda a: fields(a, "Told")["state"]["enum"].pop(),
    lambda a: fields(a, "Told")["more"].update(type="string"),
    lambda a: fields(a, "Told")["id"].update(minimum=0),
    lambda a: fields(a, "Row")["value"]["anyOf"].pop(),
]


@pytest.mark.parametrize(("change", "said"), BROKEN, ids=[said for _, said in BROKEN])
def test_what_breaks_is_seen(change: Callable[[Any], object], said: str) -> None:
    new = copy.deepcopy(api())
    change(new)
    assert any(said in found for found in breaks(api(), new)), list(breaks(api(), new))


@pytest.mark.parametrize("change", HARMLESS, ids=range(len(HARMLESS)))
def test_what_breaks_nothing_is_let_through(change: Callable[[Any], object]) -> None:
    new = copy.deepcopy(api())
    change(new)
    assert list(breaks(api(), new)) == []


def test_the_contract_breaks_nothing_of_itself() -> None:
    assert list(breaks(NOW, NOW)) == []


def test_breaks_deep_in_the_contract_are_seen() -> None:
    new = copy.deepcopy(NOW)
    schemas = new["components"]["schemas"]
    schemas["FloatParameter"]["properties"].pop("log")
    schemas["Directive"]["properties"]["type"]["enum"].append("dance")
    schemas["Failure"]["properties"]["class"]["enum"].remove("oom")
    found = list(breaks(NOW, new))
    assert "post /v1/studies: body.space.*.log is no longer known" in found
    assert any(":report: 200.directive.type may be 'dance'" in one for one in found)
    assert any(":complete: body.failure.class may be 'oom'" in one for one in found)
