"""Files that commands write: there under their name once they are whole, and not before."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from service.cli.errors import CommandError
from service.words import clean


@contextmanager
def whole(file: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that appears under its name only once it is whole."""
    if file is None:
        yield sys.stdout.buffer
        return
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.parent)
    except OSError as error:
        raise CommandError(f"{clean(str(file))}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as target:
            yield target
        # As any new file would be: mkstemp lets only its owner read.
        mask = os.umask(0)
        os.umask(mask)
        Path(beside).chmod(0o666 & ~mask)
        Path(beside).replace(file)
    except OSError as error:
        raise CommandError(f"{clean(str(file))}: {error.strerror or error}") from error
    finally:
        Path(beside).unlink(missing_ok=True)
