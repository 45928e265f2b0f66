"""`python -m service.http.openapi` writes what is published at the root: the contract and the study schema."""

import json
import sys
from pathlib import Path

from service.http.app import bare
from service.http.document import text
from service.wire.study import study_schema

FILE = "openapi.v1.json"
SCHEMA_FILE = "study.schema.json"
COMMAND = "python -m service.http.openapi"


def schema_text() -> str:
    """The JSON Schema of the study file, as it is written."""
    return json.dumps(study_schema(), indent=2) + "\n"


def main() -> None:
    """Write both files into the present folder."""
    for name, content in ((FILE, text(bare())), (SCHEMA_FILE, schema_text())):
        Path(name).write_text(content, encoding="utf-8")
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
