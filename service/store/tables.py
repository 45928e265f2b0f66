"""The schema, the same on SQLite and PostgreSQL. `migrations/` brings a database to it."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

from service.store.types import Id, Json, JsonParams, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

studies = Table(
    "studies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("definition", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("seq", Id, nullable=False),
    Column("next_number", Id, nullable=False),
    # Trials that ran elsewhere, and reruns: no budget is spent on them.
    Column("added", Id, nullable=False, server_default="0"),
    Column("system", Json, nullable=False, server_default="{}"),
    # Why the study is in its state, in words.
    Column("reason", Text),
    # What the rules that end or pause a study have counted so far.
    Column("tally", Json, nullable=False, server_default="{}"),
    # Of the data that the first trial was trained on.
    Column("data_fingerprint", String(64)),
    # The name of whoever created it, and the id of the token that said so: no foreign key, for studies outlive tokens.
    Column("created_by", String(100)),
    Column("creator", String(12)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # A deleted study keeps its rows until they are purged, but not its name.
    Column("deleted_at", UtcDateTime),
    Index(
        "ux_studies_name",
        "name",
        unique=True,
        sqlite_where=text("deleted_at IS NULL"),
        postgresql_where=text("deleted_at IS NULL"),
    ),
    # Ids of studies are never used again: mirrors and events know studies by them.
    sqlite_autoincrement=True,
)

trials = Table(
    "trials",
    metadata,
    Column("study_id", Id, ForeignKey(studies.c.id), primary_key=True, autoincrement=False),
    Column("number", Id, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("params", JsonParams, nullable=False),
    Column("values", Json),
    # The first objective's value, to order by; NaN is NULL here and NaN in `values`.
    Column("value", Float(53)),
    Column("attrs", Json, nullable=False),
    Column("system", Json, nullable=False),
    Column("suggestion", Json),
    Column("token", Id, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failure", Json),
    Column("seq", Id, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    # A trial that was lost waits until then, and goes to another node than this one until that moment.
    Column("not_before", UtcDateTime),
    Column("avoid", String(200)),
    Column("avoid_until", UtcDateTime),
    # What it is run for, and if it runs another one again: which one, from which seed, how far.
    Column("purpose", String(16), nullable=False, server_default="search"),
    Column("rerun", Json),
    Index(None, "study_id", "seq"),
    Index(None, "study_id", "state", "number"),
    # The few that were put off: who waits for trials is told of them when they are due.
    Index(
        "ix_trials_put_off",
        "not_before",
        sqlite_where=text("not_before IS NOT NULL"),
        postgresql_where=text("not_before IS NOT NULL"),
    ),
    # The few that are no part of the search: each grant looks for one that is queued.
    Index(
        "ix_trials_reruns",
        "study_id",
        "state",
        "number",
        sqlite_where=text("purpose <> 'search'"),
        postgresql_where=text("purpose <> 'search'"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column("study_id", Id, primary_key=True, autoincrement=False),
    Column("number", Id, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("token", Id, nullable=False),
    Column("state", String(16), nullable=False),
    Column("worker", String(200), nullable=False),
    Column("granted_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("acked_seq", Id, nullable=False),
    Column("last_step", Id),
    Column("last_metrics", Json),
    Column("resume_step", Id),
    Column("directive", Json),
    Column("failure", Json),
    Column("gpu_seconds", Float(53)),
    Column("completion", String(64)),
    # Whether its client keeps checkpoints, so that the trial can be paused and go on.
    Column("resumes", Boolean, nullable=False, server_default=false()),
    # The id of the token that it was granted to.
    Column("holder", String(12)),
    # The worker that runs it, if it introduced itself; a worker that is forgotten leaves its id behind.
    Column("worker_id", String(36)),
    Column("gpu", String(100)),
    # The id of the last directive that the worker has confirmed.
    Column("obeyed", Integer),
    # How the curve went on after a resume.
    Column("continuity", Json),
    ForeignKeyConstraint(["study_id", "number"], [trials.c.study_id, trials.c.number]),
    # Who is overdue is looked up among the live ones only, so that a report, which moves expires_at, moves no index.
    Index(
        "ix_attempts_live",
        "study_id",
        "number",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    # What a worker holds, and how those that it held have ended.
    Index(
        "ix_attempts_worker",
        "worker_id",
        "ended_at",
        sqlite_where=text("worker_id IS NOT NULL"),
        postgresql_where=text("worker_id IS NOT NULL"),
    ),
)

reports = Table(
    "reports",
    metadata,
    # No foreign key: the attempt is locked in the transaction that inserts, and a check of each row is not free.
    Column("study_id", Id, primary_key=True, autoincrement=False),
    Column("number", Id, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("step", Id, nullable=False),
    Column("metrics", Json, nullable=False),
    Column("elapsed", Float(53)),
    Column("cost", Float(53)),
    Column("superseded", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

decisions = Table(
    "decisions",
    metadata,
    Column("study_id", Id, primary_key=True, autoincrement=False),
    Column("number", Id, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("step", Id, primary_key=True, autoincrement=False),
    Column("act", String(16), nullable=False),
    Column("reason", Text),
    Column("basis", Json, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["study_id", "number"], [trials.c.study_id, trials.c.number]),
)

suggesters = Table(
    "suggesters",
    metadata,
    # Who makes the suggestions of a study: one process at a time, until its lease runs out.
    Column("study_id", Id, ForeignKey(studies.c.id), primary_key=True, autoincrement=False),
    Column("owner", String(64), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

finishes = Table(
    "finishes",
    metadata,
    # The honest ends of studies: what was planned, and what came of it.
    Column("study_id", Id, ForeignKey(studies.c.id), primary_key=True, autoincrement=False),
    Column("round", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("plan", Json, nullable=False),
    Column("outcome", Json, nullable=False),
    Column("started_by", String(100), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("study_id", Id, primary_key=True, autoincrement=False),
    Column("number", Id, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("step", Id, primary_key=True, autoincrement=False),
    Column("uri", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", Id, nullable=False),
    Column("committed_at", UtcDateTime, nullable=False),
    # Since when its bytes are gone: the row stays to say so.
    Column("evicted_at", UtcDateTime),
    ForeignKeyConstraint(["study_id", "number"], [trials.c.study_id, trials.c.number]),
)

logs = Table(
    "logs",
    metadata,
    # Pieces of what an attempt wrote, each at the byte at which it began.
    Column("study_id", Id, primary_key=True, autoincrement=False),
    Column("number", Id, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("begin", Id, primary_key=True, autoincrement=False),
    Column("size", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    ForeignKeyConstraint(["study_id", "number"], [trials.c.study_id, trials.c.number]),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("instance", String(32), nullable=False),
    Column("name", String(200), nullable=False),
    Column("agent_version", String(100), nullable=False),
    Column("python_version", String(100), nullable=False),
    Column("labels", Json, nullable=False),
    Column("gpus", Json, nullable=False),
    Column("use", Json, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("trainers", Json, nullable=False),
    Column("present", Boolean, nullable=False),
    Column("drain", String(16)),
    Column("reason", Text),
    Column("clock_skew", Float(53)),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    # Silent from then on.
    Column("expires_at", UtcDateTime, nullable=False),
    # What failed before is not held against its machine.
    Column("trusted_at", UtcDateTime, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("type", String(32), nullable=False),
    # What happens to a worker happens in no study.
    Column("study_id", Id),
    Column("study", String(200)),
    Column("trial", Id),
    Column("worker", String(36)),
    Column("seq", Id, nullable=False),
    Column("data", Json, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_events_study", "study", "id"),
    Index(None, "at"),
)

outbox = Table(
    "outbox",
    metadata,
    # One row. Whoever commits events takes their ids from it last, under its lock: ids become visible in their order.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last_id", Id, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

requests = Table(
    "requests",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("request_id", String(100), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("answer", Json),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "at"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("role", String(16), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(100), nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("token_id", String(12), ForeignKey(tokens.c.id), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "token_id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(100), nullable=False),
    # No foreign key: entries outlive tokens.
    Column("token", String(12)),
    Column("role", String(16)),
    Column("request_id", String(64)),
    Column("operation", String(64), nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", Json, nullable=False),
    Index(None, "at"),
)
