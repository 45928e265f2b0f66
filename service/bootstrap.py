"""Where the parts meet: the one place that knows all of them, and that reads the settings."""

import asyncio
import gc
import logging
import platform
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from service import logs
from service.artifacts.opening import open_artifacts
from service.config import Settings, hide_password
from service.dashboard import routes as pages
from service.dashboard.report.writing import Reports
from service.domain.actor import LOCAL
from service.domain.errors import ArtifactsUnavailable, BasinError, StoreUnavailable
from service.domain.query import StudyQuery
from service.domain.study import Study
from service.domain.token import ID_BYTES, SECRET_BYTES, written
from service.http import convert
from service.http.app import Application, create_app
from service.http.services import Services
from service.late import Late
from service.search.parts import Parts
from service.serving import CannotServe, address_of, listen, serve_on
from service.store import engine as engines
from service.store import migrating
from service.store.opening import open_store
from service.usecases import auditing, tokens, warming
from service.usecases.acquiring import Acquirer
from service.usecases.analysis.analyses import Analyses
from service.usecases.artifacts import Artifacts
from service.usecases.attendance import Attendance
from service.usecases.charting import Charts, Sheet
from service.usecases.gathering import Gathering
from service.usecases.importing import Imported, Wish
from service.usecases.judging import Judge
from service.usecases.keeping import Keeper
from service.usecases.lobby import Lobby
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Store, Transaction
from service.usecases.suggester import Suggester
from service.usecases.sweeping import Sweeper
from service.usecases.upkeep import Upkeep
from service.usecases.watching import Watch
from service.wire.token import CreatedToken, NewToken, Token

_log = logging.getLogger(__name__)
_PATIENCE_SECONDS = 30.0
_SUGGESTERS = 4
_JUDGES = 2
# A request passes from thread to thread some three times. While one thinks, each pass waits for the interpreter, five
# milliseconds if Python has its way.
_SWITCH_SECONDS = 0.0003
# With Python's own 700 the collector takes 2.5 % of a busy server's time; most of what requests make goes without it.
_YOUNG = 10_000
_ANALYSTS = 2
# Of a lease that has run out nobody may be told by an asker: it is looked for as well.
_WATCH_SECONDS = 5.0
_GATHER_SECONDS = 1.0
_NOTE_SECONDS = 4.0
_AHEAD_SECONDS = 1.0
# After a start so many studies of so many trials are expected to be asked for, the newest ones.
_EXPECTED = 8
_LARGE = 1_000
_ACTIVE = StudyQuery(states=("active",))


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Which schema the database has, and which one this program needs."""

    found: str | None
    needed: str


def program_version() -> str:
    """The version that is installed."""
    try:
        return version("basin")
    except PackageNotFoundError:
        return "0+unknown"


def build_app(settings: Settings, store: Store) -> Application:
    """The application over a store; it tidies up by itself and closes the store when it ends."""
    mirrors = Mirrors(settings.mirror_trials)
    # Who waits for a verdict does not wait for a suggestion. Heavy ones are made by another process.
    suggesting = ThreadPoolExecutor(_SUGGESTERS, thread_name_prefix="basin-suggest")
    judging = ThreadPoolExecutor(_JUDGES, thread_name_prefix="basin-judge")
    # Those who ask for the best trials do not wait for those who have a whole study replayed.
    reading = ThreadPoolExecutor(_ANALYSTS, thread_name_prefix="basin-reading")
    analysing = ThreadPoolExecutor(_ANALYSTS, thread_name_prefix="basin-analysis")
    search = Parts(keep_trials=settings.mirror_trials)
    engine = search.engine.stand_in()
    suggester = Suggester(store, engine, mirrors, _in(suggesting), owner=secrets.token_hex(16))
    analyses = Analyses(store, search.analyst.stand_in(), mirrors, _in(reading), _in(analysing))
    charts = Charts(store, mirrors, Late(_sheets).stand_in(), _in(reading), most_points=settings.chart_points)
    ttl = settings.lease_ttl_seconds
    attendance = Attendance(store, ttl, min(_NOTE_SECONDS, ttl / 15))
    acquirer = Acquirer(
        store,
        Lobby(store, suggester),
        ttl_seconds=ttl,
        drain_bad_machines=settings.drain_bad_machines,
        attendance=attendance,
    )
    artifacts = _artifacts(settings)
    services = Services(
        store=store,
        mirrors=mirrors,
        refusals=search.refusals.stand_in(),
        created=lambda definition: suggesting.submit(search.load_for, definition),
        suggester=suggester,
        judge=Judge(store, engine, mirrors, _in(judging)),
        analyses=analyses,
        charts=charts,
        reports=Reports(store, mirrors, analyses, charts, program_version()).write,
        acquirer=acquirer,
        keeper=Keeper(store, artifacts, ttl_seconds=ttl),
        gathering=Gathering(min(_GATHER_SECONDS, ttl / 60)),
        attendance=attendance,
        draw_seed=lambda: secrets.randbits(63),
        version=program_version(),
        lease_ttl_seconds=ttl,
        max_body_bytes=settings.max_body_bytes,
        max_checkpoint_bytes=settings.max_checkpoint_bytes,
        max_log_bytes=settings.max_log_bytes,
        host=settings.host,
        allowed_hosts=settings.allowed_hosts,
        trust_network=settings.trust_network,
        needs_tokens=settings.needs_tokens,
    )
    upkeep = Upkeep(
        event_days=settings.event_keep_days,
        request_hours=settings.request_keep_hours,
        audit_days=settings.audit_keep_days,
    )
    watch = Watch(every_seconds=min(_WATCH_SECONDS, ttl / 4), grace_seconds=ttl)
    sweeper = Sweeper(artifacts=artifacts)

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        beside = [
            asyncio.create_task(upkeep.run(store), name="basin-upkeep"),
            asyncio.create_task(watch.run(store), name="basin-watch"),
            asyncio.create_task(sweeper.run(store), name="basin-sweeper"),
            asyncio.create_task(warming.keep_going(store, mirrors), name="basin-warm-starts"),
            asyncio.create_task(app.state.served.keyring.keep_noting(), name="basin-token-uses"),
            asyncio.create_task(charts.warm(), name="basin-charts-ahead"),
            asyncio.create_task(_load(search, store, suggester), name="basin-search-ahead"),
        ]
        try:
            yield
        finally:
            await suggester.close()
            await analyses.close()
            await charts.close()
            for pool in (suggesting, judging, reading, analysing):
                pool.shutdown(wait=False, cancel_futures=True)
            await asyncio.to_thread(search.close)
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await asyncio.to_thread(store.close)

    # `running` knows it by this name.
    app = create_app(services, running)
    pages.install(app)
    return app


def _artifacts(settings: Settings) -> Artifacts:
    try:
        return open_artifacts(settings.artifacts_url, settings.data_dir / "artifacts", lambda: datetime.now(UTC))
    except ArtifactsUnavailable as missing:
        raise CannotServe(missing.message) from missing


def _sheets() -> Callable[[Study, str], Sheet]:
    from service.charts.sheet import make_sheet  # NumPy: loaded for the first chart

    return make_sheet


async def _load(search: Parts, store: Store, suggester: Suggester) -> None:
    """Load what studies will need, once those who waited for the server have been answered.

    That of a large study's trials another process must be told takes a second: whoever asks first need not wait for it.
    """
    await asyncio.sleep(_AHEAD_SECONDS)
    await asyncio.to_thread(search.load)
    with suppress(BasinError):  # where the database is away, they are made ready when they are asked for
        active = await store.read(lambda tx: tx.studies.list(_ACTIVE).items)
        await asyncio.to_thread(search.make_ready, active)
        for study in [study for study in active if study.next_number >= _LARGE][:_EXPECTED]:
            suggester.expect(study.name)
    gc.collect()
    settle_memory()


def _in(pool: ThreadPoolExecutor) -> Callable[[Callable[[], Any]], Awaitable[Any]]:
    async def run(work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    return run


def serve(
    settings: Settings,
    *,
    ready: Callable[[str], None] | None = None,
    leaving: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal; `ready` is told the address once the server listens.

    `leaving` is called when it is to stop and still answers: what was started beside it can take its leave.
    """
    logs.configure(settings.log_format, settings.log_level)
    listening = listen(settings.host, settings.port)
    store = _open(settings)
    try:
        can_be_ruled(settings, store)
    except BasinError:
        store.close()
        listening.close()
        raise
    app = build_app(settings, store)
    address = address_of(listening)
    settle_memory()
    sys.setswitchinterval(_SWITCH_SECONDS)
    _log.info("serving %s (Python %s, %s)", address, platform.python_version(), store.info.database)
    if ready is not None:
        ready(address)
    serve_on(listening, app, leaving)


def settle_memory() -> None:
    """Keep the collector away from what has been loaded by now: it stays, and each look at it would pause everybody."""
    gc.freeze()
    gc.set_threshold(_YOUNG)
    gc.enable()


def migrate(settings: Settings) -> str:
    """Bring the database to the schema of this program; answers the revision."""
    return migrating.migrate(engines.parse(settings.database_url))


def schema_state(settings: Settings) -> SchemaState:
    """Which schema the database has, and which one is needed; changes nothing."""
    return SchemaState(migrating.found(engines.parse(settings.database_url)), migrating.head())


def create_token(settings: Settings, new: NewToken) -> CreatedToken:
    """Make a token in the database of this machine's settings; needs nobody's permission but the file's."""
    token_id = secrets.token_bytes(ID_BYTES).hex()
    secret = written(token_id, secrets.token_bytes(SECRET_BYTES))

    def work(tx: Transaction) -> Token:
        auditing.sign(tx, LOCAL, "create_token", f"tokens/{token_id}", name=new.name, role=new.role)
        return convert.token(tokens.create(tx, new, token_id, secret, LOCAL), tx.now)

    with _opened(settings) as store:
        made = asyncio.run(store.write(work))
    return CreatedToken(**made.model_dump(), token=secret)


def list_tokens(settings: Settings) -> tuple[Token, ...]:
    """The tokens in the database of this machine's settings."""
    with _opened(settings) as store:
        return asyncio.run(store.read(lambda tx: tuple(convert.token(one, tx.now) for one in tx.tokens.list())))


def revoke_token(settings: Settings, token_id: str) -> None:
    """Revoke a token in the database of this machine's settings."""

    def work(tx: Transaction) -> None:
        auditing.sign(tx, LOCAL, "revoke_token", f"tokens/{token_id}")
        tokens.revoke(tx, token_id)

    with _opened(settings) as store:
        asyncio.run(store.write(work))


def read_optuna(wish: Wish) -> Imported:
    """Read a study of a database that Optuna keeps; nothing is written to it."""
    from service.search.imported.reading import read

    return read(wish)


def can_be_ruled(settings: Settings, store: Store) -> None:
    """Refuse to serve those who need a token while nobody has one with which tokens are made."""
    if not settings.needs_tokens or asyncio.run(store.read(tokens.has_admin)):
        return
    why = "require_tokens is always" if settings.loopback_only else f"{settings.host} is reached from other machines"
    raise CannotServe(
        f"{why}, and there is no admin token yet in {hide_password(settings.database_url)}: "
        "make one here with the same settings (basin token create --local --role admin --name NAME). "
        "If everybody who can reach this server may do anything, say --trust-network (BASIN_TRUST_NETWORK=true)"
    )


@contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    store = open_store(settings.database_url, migrate=settings.migrates, read_threads=1)
    try:
        yield store
    finally:
        store.close()


def _open(settings: Settings) -> Store:
    """Open the store; a database that is still starting is waited for, a wrong schema is not."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return open_store(
                settings.database_url,
                migrate=settings.migrates,
                writer_batch=settings.writer_batch,
                read_threads=settings.read_threads,
                group_commit=settings.group_commit,
            )
        except StoreUnavailable as error:
            if time.monotonic() > deadline:
                raise CannotServe(f"{error} (waited {_PATIENCE_SECONDS:.0f} s)") from error
            _log.warning("waiting for the database: %s", error)
            time.sleep(1)
