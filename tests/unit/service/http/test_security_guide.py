"""docs/security.md says who may do what as the code does."""

import os
import re
from pathlib import Path
from typing import get_args

from service.config import Settings
from service.http.permissions import ALLOWED, OPEN
from service.http.throttle import AT_ONCE
from service.usecases.tokens import SESSION_DAYS
from service.wire.token import Role
from tests.unit.service.http.api import document

GUIDE = Path(__file__).parents[4] / "docs/security.md"
TABLE = re.compile(r"(<!-- permissions, from service/http/permissions.py -->\n).*?(<!-- end -->)", re.DOTALL)
ROLES: tuple[Role, ...] = get_args(Role)


def table() -> str:
    rows = [f"| operation | {' | '.join(ROLES)} | |", f"|---|{':---:|' * len(ROLES)}---|"]
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            name = operation["operationId"]
            may = [role for role in ROLES if name in OPEN or role in ALLOWED[name]]
            marks = " | ".join("yes" if role in may else "" for role in ROLES)
            rows.append(f"| `{name}` | {marks} | {method.upper()} `{path}`{', no token' if name in OPEN else ''} |")
    return "\n".join(rows) + "\n"


def test_the_table_is_the_code_s() -> None:
    text = GUIDE.read_text()
    fresh = TABLE.sub(lambda found: found[1] + table() + found[2], text)
    assert TABLE.search(text)
    if os.environ.get("BASIN_TEST_WRITE"):
        GUIDE.write_text(fresh)
    assert text == fresh, f"stale: write it anew with BASIN_TEST_WRITE=1 .venv/bin/pytest {__file__}"


def test_numbers_are_those_of_the_code() -> None:
    text = GUIDE.read_text()
    assert AT_ONCE == 10
    assert "After ten wrong ones" in text
    assert f"after {SESSION_DAYS} days" in text
    assert f"`BASIN_AUDIT_KEEP_DAYS` ({Settings().audit_keep_days})" in text


def test_every_role_is_explained() -> None:
    for role in ROLES:
        assert f"| `{role}` |" in GUIDE.read_text()
