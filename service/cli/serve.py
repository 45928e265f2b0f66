"""`basin up`, `serve` and `migrate`: run a server here. Its parts are loaded only by these commands."""

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli import demo, findings
from service.cli.command import command
from service.cli.errors import BadInput, CommandError, Refused, Unreachable
from service.cli.session import DEFAULT_SERVER, Session
from service.words import clean

if TYPE_CHECKING:
    from service.config import Loaded, Settings

_PARTS = frozenset(
    {"alembic", "fastapi", "httptools", "numpy", "optuna", "orjson", "pyarrow", "sqlalchemy", "uvicorn", "uvloop"}
)
# A server is ready before it loads these, and must not find out then that it cannot.
_LATER = ("alembic", "numpy", "optuna")


@command("up", "basin up", "basin up --port 9000 --data-dir ~/basin", "basin up --no-demo", server=False, output=False)
def up(
    session: Session,
    port: Annotated[str | None, typer.Option(metavar="N", help="Port to listen on (8420); 0 takes a free one.")] = None,
    data_dir: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Where to keep the database and files (basin-data).")
    ] = None,
    with_demo: Annotated[
        bool,
        typer.Option("--demo/--no-demo", metavar="", help="A worker beside it, and a study if there is none yet."),
    ] = True,
) -> None:
    """Start a server here, with a worker and a first study: SQLite in ./basin-data, no setup.

    Ctrl-C stops all of it, and nothing is lost: started again, it goes on with what is there.
    """
    given = {"port": port, "data_dir": data_dir}
    loaded = load(session, given)
    folder = loaded.settings.data_dir.expanduser()
    given |= {"data_dir": str(folder), "database_url": f"sqlite:///{folder / 'basin.db'}"}
    if ("log_level", "default") in {(one.name, one.source) for one in loaded.sources}:
        given["log_level"] = "warning"  # one sentence of ours says more to a person than the log's usual lines

    def ready(address: str) -> None:
        elsewhere = [] if address == DEFAULT_SERVER else [f"    export BASIN_SERVER={address}"]
        lines = [
            f"Basin is running at {address}",
            f"Its data is in {clean(str(folder.resolve()))}",
            *_demo(settings, with_demo, beside, address),
            "",
            "Next, in another terminal:",
            *elsewhere,
            "    basin study template > study.yaml     a study to start from",
            "    basin study create study.yaml",
            "    basin study list                      how it goes",
            "",
            f"Ctrl-C stops {'all of it' if with_demo else 'the server'}. Nothing that was acknowledged is lost.",
        ]
        session.screen.raw("\n".join(lines))
        sys.stdout.flush()

    settings = load(session, given).settings
    _not_there_already(session, settings.host, settings.port)
    with ExitStack() as beside:
        _serve(settings, ready, beside.close)


def _demo(settings: "Settings", wanted: bool, beside: ExitStack, address: str) -> list[str]:
    """Start the demo, where it is wanted and can be; answers what there is to say of it."""
    if not wanted:
        return []
    if missing := demo.missing():
        names = ", ".join(missing)
        return [f"No worker beside it: {names} is missing here (pip install 'basin[worker,trainers]')"]
    if settings.require_tokens == "always":
        return ["No worker beside it: this server wants tokens (basin token create --role worker)"]
    folder = settings.data_dir / "worker"
    beside.enter_context(demo.beside(address, folder))
    return [f"A worker runs beside it; it writes to {clean(str(folder / 'worker.log'))}"]


def _not_there_already(session: Session, host: str, port: int) -> None:
    """Say so when the port is taken, above all when Basin itself has it."""
    finding = findings.port(host, port, basin=False)
    if finding.level == "ok":
        return
    address = f"http://{host}:{port}"
    session.options = replace(session.options, server=address)
    try:
        session.connect(seconds=2).version()
    except CommandError:
        raise CommandError(finding.said, hint=finding.advice) from None
    except Refused as refused:
        if refused.status != 401:  # without a token only Basin speaks so
            raise CommandError(finding.said, hint=finding.advice) from None
    raise CommandError(
        f"Basin is running at {address} already", hint="Use that one, or start another with --port and --data-dir."
    )


@command(
    "serve",
    "basin serve",
    "basin serve --port 9000 --database-url postgresql://basin@db/basin --migrate",
    "basin serve --host 0.0.0.0",
    server=False,
    output=False,
)
def serve(
    session: Session,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to listen on (127.0.0.1).")] = None,
    port: Annotated[str | None, typer.Option(metavar="N", help="Port to listen on (8420); 0 takes a free one.")] = None,
    database_url: Annotated[
        str | None, typer.Option(metavar="URL", help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.")
    ] = None,
    data_dir: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Folder for what is kept in files (basin-data).")
    ] = None,
    migrate: Annotated[
        bool | None,
        typer.Option("--migrate/--no-migrate", metavar="", help="Migrate the schema at start (on SQLite only)."),
    ] = None,
    log_format: Annotated[str | None, typer.Option(metavar="FORMAT", help="auto, text or json.")] = None,
    log_level: Annotated[str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")] = None,
    allowed_hosts: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Further names of this server, with commas between them.")
    ] = None,
    trust_network: Annotated[
        bool | None,
        typer.Option("--trust-network", metavar="", help="Serve other machines without tokens."),
    ] = None,
    require_tokens: Annotated[
        str | None, typer.Option(metavar="WHEN", help="auto (on any address but loopback) or always.")
    ] = None,
    max_body_bytes: Annotated[str | None, typer.Option(metavar="N", help="Largest request that is read.")] = None,
    artifacts_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where checkpoints are kept: s3://BUCKET/FOLDER, file:///FOLDER.")
    ] = None,
    max_checkpoint_bytes: Annotated[
        str | None, typer.Option(metavar="N", help="Largest checkpoint that is kept.")
    ] = None,
    max_log_bytes: Annotated[
        str | None, typer.Option(metavar="N", help="Bytes of the log of one attempt that are kept.")
    ] = None,
    drain_bad_machines: Annotated[
        bool | None,
        typer.Option(
            "--drain-bad-machines/--no-drain-bad-machines", metavar="", help="Drain workers on which all fails."
        ),
    ] = None,
    lease_ttl_seconds: Annotated[
        str | None, typer.Option(metavar="SECONDS", help="Time after which a silent worker loses its trials.")
    ] = None,
    writer_batch: Annotated[str | None, typer.Option(metavar="N", help="Most changes that share a commit.")] = None,
    read_threads: Annotated[str | None, typer.Option(metavar="N", help="Threads that answer reads.")] = None,
    mirror_trials: Annotated[str | None, typer.Option(metavar="N", help="Trials that are kept in memory.")] = None,
    chart_points: Annotated[
        str | None, typer.Option(metavar="N", help="Points of curves that are kept in memory for charts.")
    ] = None,
    event_keep_days: Annotated[str | None, typer.Option(metavar="N", help="Days for which events are kept.")] = None,
    request_keep_hours: Annotated[
        str | None, typer.Option(metavar="N", help="Hours for which a repeated request is known.")
    ] = None,
    audit_keep_days: Annotated[
        str | None, typer.Option(metavar="N", help="Days for which the audit log is kept.")
    ] = None,
    group_commit: Annotated[
        bool | None,
        typer.Option("--group-commit/--no-group-commit", metavar="", help="Commit waiting changes together."),
    ] = None,
) -> None:
    """Run a server. Flags win over BASIN_* variables, those over basin.toml; `basin config` shows what holds."""
    flags = {name: value for name, value in locals().items() if name != "session"}
    _serve(load(session, flags).settings, None)


@command("migrate", "basin migrate", "basin migrate --check || echo 'run basin migrate'", server=False, output=False)
def migrate(
    session: Session,
    check: Annotated[
        bool, typer.Option("--check", metavar="", help="Only say whether there is something to do.")
    ] = False,
    database_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Another database than the settings'.")
    ] = None,
) -> None:
    """Bring the database to the schema of this version. Running it again changes nothing."""
    settings = load(session, {"database_url": database_url}).settings
    with parts():
        from service import bootstrap

        if not check:
            session.screen.line(f"The database is at schema {bootstrap.migrate(settings)}.")
            return
        schema = bootstrap.schema_state(settings)
    if schema.found == schema.needed:
        session.screen.line(f"The database is at schema {schema.found}: nothing to do.")
        return
    raise CommandError(
        f"the database is at schema {schema.found or 'none'}, {schema.needed} is needed", hint="basin migrate"
    )


def load(session: Session, flags: Mapping[str, Any]) -> "Loaded":
    """The settings of a server started here and now, each with its source."""
    from service import config

    folder = Path.cwd()
    try:
        return config.load(flags, session.world.environ, config.toml_path(session.world.environ, folder))
    except config.ConfigError as wrong:
        raise BadInput(*wrong.errors) from wrong


@contextmanager
def parts() -> Iterator[None]:
    """Say what is missing where the server's parts are not installed, and what the server's own errors mean."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _PARTS:
            raise
        raise CommandError(
            f"the server's parts are not installed here ({missing.name} is missing)",
            hint="pip install 'basin[service]'",
        ) from missing
    except Exception as error:
        from service.domain.errors import BasinError, Unavailable

        if not isinstance(error, BasinError):
            raise
        kind = Unreachable if isinstance(error, Unavailable) else CommandError
        raise kind(error.message, hint=error.hint) from error


def _serve(settings: Any, ready: Callable[[str], None] | None, leaving: Callable[[], None] = lambda: None) -> None:
    with parts():
        for name in _LATER:
            if find_spec(name) is None:
                raise ModuleNotFoundError(f"there is no {name}", name=name)
        gc.disable()  # until all is loaded: that stays, and the collector would look through it again and again
        try:
            from service import bootstrap

            bootstrap.serve(settings, ready=ready, leaving=leaving)
        finally:
            gc.enable()
