"""How a store is opened by its URL."""

from service.store import engine, migrating
from service.store.sql import SqlStore


def open_store(
    url: str,
    *,
    migrate: bool = True,
    writer_batch: int = 512,
    read_threads: int = 4,
    group_commit: bool = True,
) -> SqlStore:
    """Open the store at a URL; SchemaMismatch if its schema is not the one this program needs.

    Without `group_commit` each write gets a commit of its own: that is for measuring what the group is worth.
    """
    parsed = engine.parse(url)
    revision = migrating.migrate(parsed) if migrate else migrating.check(parsed)
    return SqlStore(parsed, revision, batch=writer_batch if group_commit else 1, readers=read_threads)
