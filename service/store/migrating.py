"""How a database is brought to the schema that this program knows, and how it is told that it cannot be.

Alembic is loaded only where there is something to migrate: a server whose database is as it must be starts without it.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, inspect, text

from service.domain.errors import SchemaMismatch
from service.store.engine import connect
from service.store.faults import told

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATION_LOCK = 0x6261_7369_6E
_TABLE = "alembic_version"


def revisions() -> list[str]:
    """The revisions that this program knows, the oldest first: files are named for theirs."""
    return sorted(file.name.partition("_")[0] for file in (_folder() / "versions").glob("[0-9]*.py"))


def head() -> str:
    """The revision that this program needs."""
    return revisions()[-1]


def current(connection: Connection) -> str | None:
    """The revision that the database has; None when it has no schema yet."""
    if not inspect(connection).has_table(_TABLE):
        return None
    revision: str | None = connection.scalar(text(f"SELECT version_num FROM {_TABLE}"))
    return revision


def migrate(url: URL, to: str = "head") -> str:
    """Bring the database to a revision, in one transaction and never two programs at once; answers the revision."""
    engine = connect(url)
    try:
        with told(), engine.connect() as connection, connection.begin():
            if url.get_backend_name() == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            revision = current(connection)
            _known(revision)
            if revision is None or revision != (head() if to == "head" else to):
                _upgrade(connection, to)
                revision = current(connection)
            return revision or ""
    finally:
        engine.dispose()


def found(url: URL) -> str | None:
    """The revision that the database at a URL has; changes nothing, and makes no file where there is none."""
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return None
    engine = connect(url, readers=1)
    try:
        with told(), engine.connect() as connection:
            return current(connection)
    finally:
        engine.dispose()


def check(url: URL) -> str:
    """The revision of the database, if it is the one that this program needs; SchemaMismatch otherwise."""
    revision = found(url)
    _known(revision)
    needed = head()
    if revision is None:
        raise SchemaMismatch("the database has no schema yet: run 'basin migrate' (or start with --migrate)")
    if revision != needed:
        raise SchemaMismatch(
            f"the database has schema {revision}, this program needs {needed}: "
            "make a backup, then run 'basin migrate' (or start with --migrate)"
        )
    return revision


def _known(revision: str | None) -> None:
    if revision is not None and revision not in revisions():
        raise SchemaMismatch(
            f"the database has schema {revision}, which this program does not know: "
            "it was written by a newer version; install that version or restore a backup from before"
        )


def _upgrade(connection: Connection, to: str) -> None:
    from alembic import command  # see above

    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, to)


def config() -> "Config":
    """How Alembic finds the migrations that are installed with this program."""
    from alembic.config import Config  # see above

    settings = Config()
    settings.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings


def _folder() -> Path:
    package = find_spec("migrations")
    if package is None or not package.submodule_search_locations:
        raise SchemaMismatch("the migrations are not installed with this program")
    return Path(package.submodule_search_locations[0])
