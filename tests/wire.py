"""What would break a client that is already there: two OpenAPI documents compared.

One question answers it all: does everything that one side sends fit what the other side reads? An old client sends
requests to the new server, the new server sends answers to the old client. A server refuses fields it does not know, a
client does not; so answers may grow, and requests may gain only what is optional.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Schema = Mapping[str, Any]
_METHODS = ("get", "put", "post", "patch", "delete", "head", "options")
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_TYPES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    type(None): "null",
    list: "array",
    dict: "object",
}


def breaks(old: Schema, new: Schema) -> Iterator[str]:
    """Say what an old client would trip over."""
    for path, before in old["paths"].items():
        after = new["paths"].get(path, {})
        for method in (method for method in _METHODS if method in before):
            if method not in after:
                yield f"{method} {path}: is gone"
            else:
                yield from _operation(old, new, f"{method} {path}", before[method], after[method])


def _operation(old: Schema, new: Schema, name: str, before: Schema, after: Schema) -> Iterator[str]:
    yield from _parameters(_Talk(old, new, f"{name}: parameter ", strict=True), before, after)
    yield from _body(_Talk(old, new, f"{name}: body", strict=True), before.get("requestBody"), after.get("requestBody"))
    for status, answer in before["responses"].items():
        if not status.startswith("2"):
            continue
        if status not in after["responses"]:
            yield f"{name}: {status} is no longer answered"
            continue
        kinds, now = answer.get("content", {}), after["responses"][status].get("content", {})
        for kind in kinds:
            if kind not in now:
                yield f"{name}: {status} is no longer answered as {kind}"
            elif "schema" in kinds[kind]:
                talk = _Talk(new, old, f"{name}: {status}", strict=False)
                yield from talk.gaps(now[kind].get("schema", {}), kinds[kind]["schema"])


def _parameters(talk: "_Talk", before: Schema, after: Schema) -> Iterator[str]:
    was = {(found["in"], found["name"]): found for found in before.get("parameters", ())}
    now = {(found["in"], found["name"]): found for found in after.get("parameters", ())}
    for place, parameter in now.items():
        if parameter.get("required") and not was.get(place, {}).get("required"):
            yield f"{talk.where}{place[1]} is now required"
    for place, parameter in was.items():
        if place not in now:
            yield f"{talk.where}{place[1]} is no longer known"
        else:
            yield from talk.at(place[1]).gaps(parameter["schema"], now[place]["schema"])


def _body(talk: "_Talk", before: Schema | None, after: Schema | None) -> Iterator[str]:
    if after is None:
        if before is not None:
            yield f"{talk.where} is no longer read"
        return
    if after.get("required") and not (before or {}).get("required"):
        yield f"{talk.where} is now required"
    for kind, content in (before or {}).get("content", {}).items():
        if kind not in after["content"]:
            yield f"{talk.where} is no longer read as {kind}"
        else:
            yield from talk.gaps(content["schema"], after["content"][kind]["schema"])


@dataclass(frozen=True)
class _Talk:
    """One side sends, the other reads; each knows its own document. `strict` readers refuse unknown fields."""

    sender: Schema
    reader: Schema
    where: str
    strict: bool
    seen: frozenset[tuple[str, str]] = frozenset()

    def at(self, name: str) -> "_Talk":
        """The same, one level further in."""
        return replace(self, where=self.where + name)

    def gaps(self, sent: Schema, read: Schema) -> Iterator[str]:
        """What may be sent and would not be understood."""
        pair = (sent.get("$ref", ""), read.get("$ref", ""))
        if all(pair):
            if pair in self.seen:
                return
            yield from replace(self, seen=self.seen | {pair})._gaps(sent, read)
        else:
            yield from self._gaps(sent, read)

    def _gaps(self, sent: Schema, read: Schema) -> Iterator[str]:
        readable = _members(self.reader, read)
        for member in _members(self.sender, sent):
            candidates = [candidate for candidate in readable if self._meant(member, candidate)]
            if not candidates:
                yield f"{self.where} may be {_called(self.sender, member)}, which is not understood"
                continue
            # Of several that it could be, the one that it fits best.
            yield from min((list(self._member(member, candidate)) for candidate in candidates), key=len)

    def _meant(self, sent: Schema, read: Schema) -> bool:
        """Whether a reader would take it for this member of a union at all."""
        kind, wanted = _kind(sent), _kind(read)
        if wanted not in {"any", kind} and (kind, wanted) != ("integer", "number"):
            return False
        mine, theirs = _marks(self.sender, sent), _marks(self.reader, read)
        return all(mine[name] == theirs[name] for name in mine.keys() & theirs.keys())

    def _member(self, sent: Schema, read: Schema) -> Iterator[str]:
        yield from self._values(sent, read)
        if self.strict:
            yield from self._bounds(sent, read)
        if _kind(sent) == _kind(read) == "object":
            yield from self._fields(sent, read)
            yield from self._others(sent, read)
        if "items" in sent and "items" in read:
            yield from self.at("[]").gaps(sent["items"], read["items"])

    def _values(self, sent: Schema, read: Schema) -> Iterator[str]:
        known, given = _values(read), _values(sent)
        if known is not None and given is None:
            yield f"{self.where} may be anything, where only {known} is understood"
        elif known is not None and given is not None:
            for value in given:
                if value not in known:
                    yield f"{self.where} may be {value!r}, which is not understood"
        for name in ("format", "pattern"):
            if name in read and given is None and read[name] != sent.get(name) and (self.strict or name == "format"):
                yield f"{self.where} has another {name}"

    def _bounds(self, sent: Schema, read: Schema) -> Iterator[str]:
        for name in _LEAST:
            if name in read and sent.get(name, float("-inf")) < read[name] and _values(sent) is None:
                yield f"{self.where} has a narrower {name}"
        for name in _MOST:
            if name in read and sent.get(name, float("inf")) > read[name] and _values(sent) is None:
                yield f"{self.where} has a narrower {name}"

    def _fields(self, sent: Schema, read: Schema) -> Iterator[str]:
        mine, theirs = sent.get("properties", {}), read.get("properties", {})
        for name in sorted(set(read.get("required", ())) - set(sent.get("required", ()))):
            if self.strict:
                yield f"{self.where}.{name} is now required"
            elif name in mine:
                yield f"{self.where}.{name} may now be absent"
        for name in mine if self.strict else theirs:
            if name not in theirs and read.get("additionalProperties") is False:
                yield f"{self.where}.{name} is no longer known"
            elif name not in mine:
                yield f"{self.where}.{name} is no longer sent"
            elif name in theirs:
                yield from self.at(f".{name}").gaps(mine[name], theirs[name])

    def _others(self, sent: Schema, read: Schema) -> Iterator[str]:
        mine, theirs = _free(sent), _free(read)
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            yield from self.at(".*").gaps(mine, theirs)
        elif self.strict and theirs is False and (mine is True or isinstance(mine, Mapping)):
            yield f"{self.where} may no longer have names of its own"
        if self.strict and _rules(read) not in ((), _rules(sent)):
            yield f"{self.where} has other rules for names"


def _free(schema: Schema) -> Any:
    """What fields may hold whose names the schema does not list; False if there may be none."""
    return next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))


def _rules(schema: Schema) -> tuple[object, ...]:
    """What the names of such fields must be like."""
    return (*schema.get("patternProperties", {}), *schema.get("propertyNames", {}).items())


def _resolved(api: Schema, schema: Schema) -> Schema:
    """A schema without references and `allOf` at its top."""
    if "$ref" in schema:
        found: Any = api
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        return {**_resolved(api, found), **rest}
    if "allOf" not in schema:
        return schema
    whole: dict[str, Any] = {name: value for name, value in schema.items() if name != "allOf"}
    for part in schema["allOf"]:
        one = _resolved(api, part)
        merged = {**whole.get("properties", {}), **one.get("properties", {})}
        required = [*whole.get("required", ()), *one.get("required", ())]
        whole = {
            **whole,
            **one,
            **({"properties": merged} if merged else {}),
            **({"required": required} if required else {}),
        }
    return whole


def _members(api: Schema, schema: Schema) -> list[Schema]:
    """What a value may be: the members of a union and of a list of types, one by one."""
    schema = _resolved(api, schema)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return [member for option in schema[union] for member in _members(api, option)]
    if isinstance(schema.get("type"), Sequence) and not isinstance(schema["type"], str):
        return [{**schema, "type": kind} for kind in schema["type"]]
    return [schema]


def _kind(schema: Schema) -> str:
    if "type" in schema:
        return str(schema["type"])
    values = _values(schema)
    if values:
        return _TYPES[type(values[0])]
    return "object" if "properties" in schema else "any"


def _values(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None


def _marks(api: Schema, schema: Schema) -> dict[str, Any]:
    """The fields whose value is always the same: they tell the members of a union apart."""
    fields = {name: _resolved(api, field) for name, field in schema.get("properties", {}).items()}
    return {name: field["const"] for name, field in fields.items() if "const" in field}


def _called(api: Schema, schema: Schema) -> str:
    marks = _marks(api, schema)
    return ", ".join(f"{name} {value!r}" for name, value in marks.items()) or _kind(schema)
