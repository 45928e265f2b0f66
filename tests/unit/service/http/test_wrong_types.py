"""Every field of every request, given something that it cannot be: each is refused by its name, and nothing is stored.

The fields are found in the OpenAPI document, so that a new one is tried without a line here.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from service.http.document import operations
from service.http.worker_examples import WORKER
from service.store.memory import MemoryStore
from tests.unit.service.http.api import Api, document

WRONG = {"$wrong": [[1]]}
# Below these whatever JSON is given is kept, and a mapping is what they must be themselves.
FREE = ("attrs", "trials[0].attrs", "trainer.settings")
Place = tuple[str | int, ...]


def resolved(schema: Any) -> Any:
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def members(schema: Any) -> list[Any]:
    """The schemas that a value may follow, unions taken apart."""
    schema = resolved(schema)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return [member for option in schema[union] for member in members(option)]
    return [schema]


def smallest(schema: Any) -> Any:
    """A value of a schema, with as little in it as there may be."""
    schema = members(schema)[0]
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object":
            found = {name: smallest(schema["properties"][name]) for name in schema.get("required", ())}
            if not found and schema.get("minProperties"):
                found["x"] = smallest(named(schema))
            return found
        case "array":
            return [smallest(schema["items"])] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "string":
            return "x" * schema.get("minLength", 1)
        case "boolean":
            return True
        case _:
            return None


def named(schema: Any) -> Any:
    """What fields of free names may hold."""
    return next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))


def wrong(schema: Any, value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Values with one wrong thing in them each, and where it is."""
    for member in members(schema):
        if "properties" in member:
            whole = smallest(member)
            if isinstance(value, dict) and value.get("type") == whole.get("type"):
                whole |= value
            for name, inner in member["properties"].items():
                yield (*place, name), whole | {name: WRONG}
                for where, changed in wrong(inner, whole.get(name), (*place, name)):
                    yield where, whole | {name: changed}
        elif isinstance(inside := named(member), dict):
            name = next(iter(value)) if isinstance(value, dict) and value else "x"
            yield (*place, name), {name: WRONG}
            for where, changed in wrong(inside, None, (*place, name)):
                yield where, {name: changed}
        elif member.get("type") == "array":
            for where, changed in wrong(member["items"], None, (*place, 0)):
                yield where, [changed]


def dotted(place: Place) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def requests() -> Iterator[Any]:
    for path, found in document()["paths"].items():
        for method, operation in found.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content:
                good = next(iter(content["examples"].values()))["value"]
                for place, body in wrong(content["schema"], good):
                    if not dotted(place).startswith(FREE):
                        case = f"{operation['operationId']}-{dotted(place)}"
                        yield pytest.param(method.upper(), path, dotted(place), body, id=case)


@pytest.fixture
def study(api: Api) -> str:
    """The study of the examples, with a trial that is running."""
    study = api.example_study()
    params = {"learning_rate": 0.01, "dropout": 0.1, "batch_size": 16, "optimizer": "adamw"}
    api.ok("POST", f"{study}/trials", {"params": params})
    api.ok("POST", f"{study}:ask", {"worker": "w"})
    return "digits-mlp"


@pytest.mark.parametrize(("method", "path", "field", "body"), list(requests()))
def test_a_wrong_type_is_refused_by_name(
    api: Api, store: MemoryStore, study: str, method: str, path: str, field: str, body: Any
) -> None:
    def state() -> Any:
        return api.run(store.read(lambda tx: (tx.events.bounds(), tx.studies.get(study).seq)))

    before = state()
    address = path.replace("{study}", study).replace("{number}", "0").replace("{attempt}", "1").replace("{step}", "0")
    address = address.replace("{worker_id}", WORKER.id)
    status, code, problem = api.refused(method, address, body)
    assert (status, code) == (422, "invalid_argument")
    # A wrong type of a member of a union is an error of the union: nobody knows which fields were meant.
    wanted = field.removesuffix(".type")
    named = [error["field"] for error in problem["errors"]]
    assert any(re.match(re.escape(wanted) + r"($|[.\[])", name) for name in named), problem["errors"]
    assert state() == before


def reads_json(operation: Any) -> bool:
    return "application/json" in operation.get("requestBody", {}).get("content", {})


def test_there_are_enough_of_them() -> None:
    assert len(list(requests())) > 150
    assert {operation["operationId"] for _, operation in operations(document()) if reads_json(operation)} == {
        case.id.partition("-")[0] for case in requests()
    }
