"""The page at /docs: the OpenAPI document for people, made on the server, without scripts and from nowhere else."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --mark: #2563eb; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
code, pre { font: 13px/1.5 ui-monospace, monospace; } pre { background: var(--soft); padding: .75rem; overflow: auto; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .5rem .75rem; }
summary { cursor: pointer; } summary b { display: inline-block; min-width: 4rem; text-transform: uppercase; }
summary span { opacity: .75; } table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-top: 1px solid var(--line); }
a { color: var(--mark); } a:focus-visible, summary:focus-visible { outline: 2px solid var(--mark); }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    families: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            families.setdefault(operation.get("tags", ["more"])[0], []).append(_operation(path, method, operation))
    body = "".join(f"<h2 id='{escape(name)}'>{escape(name)}</h2>{''.join(found)}" for name, found in families.items())
    links = " · ".join(f"<a href='#{escape(name)}'>{escape(name)}</a>" for name in families)
    about = "".join(f"<p>{_prose(part)}</p>" for part in document["info"]["description"].split("\n\n"))
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Basin API</title>"
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head><body>"
        f"<h1>Basin API</h1>{about}<p>For programs: <a href='/v1/openapi.json'>OpenAPI</a>, "
        f"<a href='/v1/schema/study.json'>JSON Schema of the study file</a>.</p><nav>{links}</nav>{body}</body></html>"
    )


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    parts = [f"<p>{_prose(operation['description'])}</p>"] if operation.get("description") else []
    if operation.get("parameters"):
        parts.append(_table("parameter", (_parameter(given) for given in operation["parameters"])))
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        parts += [f"<p>Request, <code>{escape(kind)}</code></p>{_example(content)}"]
    parts.append(_table("answer", ((status, _prose(told["description"])) for status, told in _answers(operation))))
    for status, told in _answers(operation):
        if status.startswith("2"):
            parts += [f"<p>{status}, <code>{escape(kind)}</code></p>{_example(one)}" for kind, one in _contents(told)]
    name = escape(operation["operationId"])
    return (
        f"<details id='{name}'><summary><b>{escape(method)}</b> <code>{escape(path)}</code> "
        f"<span>{escape(operation['summary'])}</span></summary>{''.join(parts)}</details>"
    )


def _answers(operation: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(operation["responses"].items())


def _contents(told: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from told.get("content", {}).items()


def _parameter(given: Mapping[str, Any]) -> tuple[str, str]:
    needed = "" if given["in"] == "path" or given.get("required") else " (optional)"
    return f"{given['name']}{needed}", _prose(given.get("description", given["in"]))


def _table(heading: str, rows: Iterator[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td><code>{escape(name)}</code></td><td>{text}</td></tr>" for name, text in rows)
    return f"<table><tr><th>{escape(heading)}</th><th></th></tr>{cells}</table>"


def _example(content: Mapping[str, Any]) -> str:
    shown = (
        [content["example"]] if "example" in content else [one["value"] for one in content.get("examples", {}).values()]
    )
    texts = (one if isinstance(one, str) else json.dumps(one, indent=2, ensure_ascii=False) for one in shown)
    return "".join(f"<pre tabindex='0'>{escape(text)}</pre>" for text in texts)


def _prose(text: str) -> str:
    """Escaped text in which `code` stands as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
