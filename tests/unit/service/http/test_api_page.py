"""The page at /docs: every operation is on it, and nothing on it comes from elsewhere."""

import re
from html import unescape

from tests.unit.service.http.api import Api


def test_every_operation_is_on_the_page(api: Api) -> None:
    answer = api.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    page = answer.text
    for path, operations in api.get("/v1/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            assert f"id='{operation['operationId']}'" in page
            assert f"<b>{method}</b> <code>{path}</code>" in unescape(page)


def test_the_page_runs_no_script_and_loads_nothing(api: Api) -> None:
    answer = api.get("/docs")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert re.findall(r"<script|<link|<img|@import|url\(|src=|href='http", answer.text) == []
