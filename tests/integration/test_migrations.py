"""The schema: every step goes up and down, and what the steps make is what the code says, on both databases."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from service.domain.errors import SchemaMismatch
from service.store import migrating, tables
from service.store.engine import connect, parse
from service.store.opening import open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: object) -> str:
    """A database without a schema, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/folder that is new/basin.db"
    return str(request.getfixturevalue("empty_postgres_url"))


def _revisions() -> list[str]:
    scripts = ScriptDirectory.from_config(migrating.config())
    return [script.revision for script in reversed(list(scripts.walk_revisions()))]


def test_files_are_named_for_their_revisions() -> None:
    assert migrating.revisions() == _revisions()
    assert migrating.head() == _revisions()[-1]


def test_each_step_goes_up_and_down_and_up_again(empty_url: str) -> None:
    url = parse(empty_url)
    for revision in _revisions():
        assert migrating.migrate(url, revision) == revision
        _down(empty_url)
        assert migrating.migrate(url, revision) == revision
    _down(empty_url, to="base")
    engine = connect(url)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()


def test_the_steps_make_what_the_code_says(empty_url: str) -> None:
    url = parse(empty_url)
    migrating.migrate(url)
    engine = connect(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []
        for table in tables.metadata.sorted_tables:
            made = {index["name"] for index in inspect(connection).get_indexes(table.name)}
            assert made == {str(index.name) for index in table.indexes}
    engine.dispose()


def test_who_created_a_study_is_taken_from_the_audit_log(empty_url: str) -> None:
    url = parse(empty_url)
    migrating.migrate(url, "0007")
    engine = connect(url)
    with engine.connect() as connection, connection.begin():
        for name in ("known", "unknown"):
            connection.execute(_STUDY, {"name": name, "at": "2026-01-01 00:00:00"})
        for actor, operation, object in (
            ("ana", "create_study", "studies/known"),
            ("ben", "create_study", "studies/known"),
            ("eve", "pause_study", "studies/known"),
            ("eve", "create_study", "studies/known-2"),
        ):
            entry = {"actor": actor, "token": f"id-{actor}", "operation": operation, "object": object}
            connection.execute(_ENTRY, {**entry, "at": "2026-01-01 00:00:00"})
    migrating.migrate(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT name, created_by, creator FROM studies ORDER BY name")).all()
    engine.dispose()
    assert [tuple(row) for row in found] == [("known", "ben", "id-ben"), ("unknown", None, None)]


_STUDY = text(
    "INSERT INTO studies (name, state, archived, definition, revision, seq, next_number, created_at, updated_at) "
    "VALUES (:name, 'active', FALSE, '{}', 1, 1, 0, :at, :at)"
)
_ENTRY = text(
    "INSERT INTO audit (at, actor, token, operation, object, detail) "
    "VALUES (:at, :actor, :token, :operation, :object, '{}')"
)


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    url = parse(empty_url)
    assert migrating.migrate(url) == migrating.migrate(url) == migrating.head() == migrating.found(url)


def test_a_database_without_a_schema_is_told(empty_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="has no schema yet: run 'basin migrate'"):
        open_store(empty_url, migrate=False)


@pytest.mark.parametrize("migrate", [True, False])
def test_a_newer_schema_is_told_and_left_alone(empty_url: str, migrate: bool) -> None:
    migrating.migrate(parse(empty_url))
    _stamp(empty_url, "9999")
    with pytest.raises(SchemaMismatch, match=r"schema 9999, which this program does not know: .* newer version"):
        open_store(empty_url, migrate=migrate)
    assert migrating.found(parse(empty_url)) == "9999"


def test_looking_makes_no_file(tmp_path: object) -> None:
    url = parse(f"sqlite:///{tmp_path}/none.db")
    assert migrating.found(url) is None
    with pytest.raises(SchemaMismatch):
        migrating.check(url)


def _down(url: str, to: str = "-1") -> None:
    engine = connect(parse(url))
    with engine.connect() as connection, connection.begin():
        config = migrating.config()
        config.attributes["connection"] = connection
        command.downgrade(config, to)
    engine.dispose()


def _stamp(url: str, revision: str) -> None:
    engine = connect(parse(url))
    with engine.connect() as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()
