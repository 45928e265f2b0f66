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

_MIGRATION_LOCK = 0x6261_7369_6E


def head() -> str:
    """The revision that this program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current(connection: Connection) -> str | None:
    """The revision that the database has; None when it has no schema yet."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(url: URL, to: str = "head") -> str:
    """Bring the database to a revision, in one transaction and never two programs at once; answers the revision."""
    engine = connect(url)
    try:
        with engine.connect() as connection, connection.begin():
            if url.get_backend_name() == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            _known(current(connection))
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, to)
            return current(connection) or ""
    finally:
        engine.dispose()


def check(url: URL) -> str:
    """The revision of the database, if it is the one that this program needs; SchemaMismatch otherwise."""
    engine = connect(url)
    try:
        with engine.connect() as connection:
            found = current(connection)
    finally:
        engine.dispose()
    _known(found)
    needed = head()
    if found is None:
        raise SchemaMismatch("the database has no schema yet: run 'basin migrate' (or start with --migrate)")
    if found != needed:
        raise SchemaMismatch(
            f"the database has schema {found}, this program needs {needed}: "
            "make a backup, then run 'basin migrate' (or start with --migrate)"
        )
    return found


def _known(revision: str | None) -> None:
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    if revision is not None and revision not in {script.revision for script in scripts}:
        raise SchemaMismatch(
            f"the database has schema {revision}, which this program does not know: "
            "it was written by a newer version; install that version or restore a backup from before"
        )


def _config() -> Config:
    found = find_spec("migrations")
    if found is None or not found.submodule_search_locations:
        raise SchemaMismatch("the migrations are not installed with this program")
    config = Config()
    config.set_main_option(
        "script_location", str(Path(next(iter(found.submodule_search_locations)))).replace("%", "%%")
    )
    config.set_main_option("path_separator", "os")
    return config
