"""`python -m service.http.openapi [FILE]` writes the contract that is kept at the root of the repository."""

import sys
from pathlib import Path

from service.http.app import bare
from service.http.document import text

FILE = "openapi.v1.json"
COMMAND = "python -m service.http.openapi"


def main() -> None:
    """Write the document."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else FILE)
    path.write_text(text(bare()), encoding="utf-8")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
