"""How a database is brought to the schema that this program knows, and how it is told that it cannot be."""

from importlib.util import find_spec
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, text

from service.domain.errors import SchemaMismatch
from service.store.engine import connect
from service.store.faults import told

_MIGRATION_LOCK = 0x6261_7369_6E


def head() -> str:
    """The revision that this program needs."""
    return ScriptDirectory.from_config(config()).get_current_head() or ""


def current(connection: Connection) -> str | None:
    """The revision that the database has; None when it has no schema yet."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(url: URL, to: str = "head") -> str:
    """Bring the database to a revision, in one transaction and never two programs at once; answers the revision."""
    engine = connect(url)
    try:
        with told(), engine.connect() as connection, connection.begin():
            if url.get_backend_name() == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            _known(current(connection))
            settings = config()
            settings.attributes["connection"] = connection
            command.upgrade(settings, to)
            return current(connection) or ""
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
    scripts = ScriptDirectory.from_config(config()).walk_revisions()
    if revision is not None and revision not in {script.revision for script in scripts}:
        raise SchemaMismatch(
            f"the database has schema {revision}, which this program does not know: "
            "it was written by a newer version; install that version or restore a backup from before"
        )


def config() -> Config:
    """How Alembic finds the migrations that are installed with this program."""
    package = find_spec("migrations")
    if package is None or not package.submodule_search_locations:
        raise SchemaMismatch("the migrations are not installed with this program")
    settings = Config()
    settings.set_main_option("script_location", str(Path(package.submodule_search_locations[0])).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings
