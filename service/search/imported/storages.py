"""Optuna's databases, opened so that nothing in them can change: SQLite files, PostgreSQL, MySQL, journals."""

import json
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import BaseJournalBackend

from service.search.quiet import hush
from service.usecases.importing import CannotImport

_SQLITE = b"SQLite format 3\0"
_TABLES = {"studies", "trials", "version_info"}
_UPGRADE = "Make a copy of it, and bring the copy up to date with Optuna: optuna storage upgrade --storage URL"
_KINDS = "sqlite:///FILE, journal:///FILE, postgresql://... or mysql://..."
_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*@")


def opened(url: str) -> BaseStorage:
    """Open a database by its URL; a path alone is that of a SQLite file or of a journal."""
    hush()
    scheme, separator, rest = url.partition("://")
    kind = scheme.partition("+")[0].lower()
    try:
        if not separator:
            return _journal(Path(url)) if _is_journal(Path(url)) else _sqlite(Path(url))
        if kind == "sqlite":
            return _sqlite(_path(url, rest))
        if kind == "journal":
            return _journal(_journal_path(url, rest))
        if kind in {"postgresql", "postgres", "mysql", "mariadb"}:
            return _server(kind, scheme, rest)
    except CannotImport:
        raise
    except ImportError as error:
        raise CannotImport(
            f"{shown(url)}: the driver for this database is not installed ({error.__cause__ or error})",
            "Install it beside Basin, such as: pip install mysqlclient",
        ) from error
    except Exception as error:
        raise unreadable(url, error) from error
    raise CannotImport(f"{shown(url)}: is no database that Optuna keeps", f"Write {_KINDS}")


def close(storage: BaseStorage) -> None:
    """Let go of a database."""
    storage.remove_session()
    if isinstance(storage, RDBStorage):
        storage.engine.dispose()


def unreadable(url: str, error: Exception) -> CannotImport:
    """What to say of a database that Optuna fails over."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = str(cause).strip()
    if "no longer compatible" in text:
        return CannotImport(f"{shown(url)}: was written by another version of Optuna", _UPGRADE)
    if "version_info" in text:
        return CannotImport(f"{shown(url)}: holds no studies of Optuna's")
    return CannotImport(
        f"{shown(url)}: cannot be read: {shown(text.splitlines()[0] if text else type(error).__name__)}"
    )


def shown(text: str) -> str:
    """A text without the passwords of the URLs in it."""
    return _PASSWORD.sub(r"\1:***@", text)


def _path(url: str, rest: str) -> Path:
    path = rest.removeprefix("/").partition("?")[0]
    if not rest.startswith("/") or path in {"", ":memory:"}:
        raise CannotImport(f"{shown(url)}: names no file", "Write sqlite:///FILE, or sqlite:////FOLDER/FILE")
    return Path(path)


def _journal_path(url: str, rest: str) -> Path:
    path = _path(url, rest)
    # Some write the three slashes of a path from the root, as in other URLs.
    absolute = Path("/", path)
    return absolute if not path.exists() and absolute.exists() else path


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE))
    except OSError as error:
        raise CannotImport(f"{path}: {(error.strerror or str(error)).lower()}") from error


def _is_journal(path: Path) -> bool:
    return _head(path)[:1] == b"{"


def _sqlite(path: Path) -> BaseStorage:
    head = _head(path)
    if head != _SQLITE:
        hint = "It looks like a journal: write journal:///FILE" if head[:1] == b"{" else None
        raise CannotImport(f"{path}: {'is no SQLite database' if head else 'is empty'}", hint)
    address = f"file:{quote(str(path.absolute()))}?mode=ro"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, timeout=10, check_same_thread=False)

    _look(path, connect())
    return _Tables("sqlite://", {"creator": connect})


def _look(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a file that is not Optuna's, or so old that opening it would change it."""
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables >= _TABLES:
            raise CannotImport(f"{path}: holds no studies of Optuna's")
        version = "alembic_version" in tables and connection.execute("SELECT 1 FROM alembic_version").fetchone()
        if not version or connection.execute("SELECT 1 FROM version_info").fetchone() is None:
            raise CannotImport(f"{path}: was written by another version of Optuna", _UPGRADE)
    finally:
        connection.close()


def _server(kind: str, scheme: str, rest: str) -> BaseStorage:
    arguments: dict[str, Any]
    if kind in {"postgresql", "postgres"}:
        # The driver that is here, whichever the URL was written for.
        scheme, arguments = "postgresql+psycopg", {"options": "-c default_transaction_read_only=on"}
    else:
        arguments = {"init_command": "SET SESSION TRANSACTION READ ONLY"}
    return _Tables(f"{scheme}://{rest}", {"connect_args": arguments})


def _journal(path: Path) -> BaseStorage:
    if not _is_journal(path):
        raise CannotImport(f"{path}: {'is no journal of Optuna' if _head(path) else 'is empty'}")
    return JournalStorage(_Journal(path))


class _Tables(RDBStorage):
    """Optuna's tables as they are: none are made, and no connection is left behind where they are not there."""

    def __init__(self, url: str, arguments: dict[str, Any]) -> None:
        try:
            super().__init__(url, engine_kwargs=arguments, skip_table_creation=True)
        except BaseException:
            if "engine" in vars(self):
                self.engine.dispose()
            raise


class _Journal(BaseJournalBackend):
    """A journal that is only read. Optuna's own would make its file and its lock where there are none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Read the lines from a number on; a last line that is being written is not read."""
        with self._path.open("rb") as file:
            for number, line in enumerate(file):
                if number >= log_number_from and line.endswith(b"\n"):
                    yield json.loads(line)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Refuse: nothing is ever written."""
        raise PermissionError(f"{self._path} is only read: {len(logs)} line(s) are not written")
