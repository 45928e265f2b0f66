"""Settings of a server: flags over `BASIN_*` variables over `basin.toml` over defaults, each value with its source."""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

PREFIX = "BASIN_"
# Variables of the command line and of the test suite: known here, so that they are not refused, but no settings.
NOT_SETTINGS = ("BASIN_SERVER", "BASIN_TOKEN", "BASIN_TOKEN_FILE", "BASIN_OUTPUT", "BASIN_CONFIG")
TEST_PREFIX = "BASIN_TEST_"
_SQLITE_FILE = re.compile(r"sqlite:///[^?]")
SCHEMES = ("sqlite", "postgresql", "postgresql+psycopg")


class ConfigError(Exception):
    """Everything that is wrong with the given settings, one line each."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def _comma_separated(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _no_bool(value: object) -> object:
    # A bool is an int to pydantic: `port = true` would listen on port 1.
    if isinstance(value, bool):
        raise ValueError("Input should be a number")
    return value


def _known_database(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in SCHEMES:
        raise ValueError(f"should start with one of {', '.join(f'{name}://' for name in SCHEMES)}")
    if scheme == "sqlite" and (not _SQLITE_FILE.match(url) or ":memory:" in url):
        raise ValueError("should name a file: sqlite:///FILE, with four slashes where the path begins with one")
    return url


def _known_place(url: object) -> object:
    if url == "auto":
        return None
    if isinstance(url, str) and "://" not in url:
        raise ValueError("should be a URL, such as s3://BUCKET/FOLDER or file:///FOLDER")
    return url


def _auto_migrate(value: object) -> object:
    return {"auto": None, "never": False, "always": True}.get(value, value) if isinstance(value, str) else value


Whole = Annotated[int, BeforeValidator(_no_bool)]
Count = Annotated[Whole, Field(ge=1)]
Seconds = Annotated[float, BeforeValidator(_no_bool), Field(gt=0, allow_inf_nan=False)]


class Settings(BaseModel):
    """All settings of one server process; made by `load`, read only where the parts are put together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: Whole = Field(default=8420, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    data_dir: Path = Field(default=Path("basin-data"), description="Folder for all that is kept in files.")
    database_url: Annotated[str, AfterValidator(_known_database)] = Field(
        default_factory=lambda given: f"sqlite:///{given['data_dir']}/basin.db",
        repr=False,
        description="`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`; a file in `data_dir` if not given.",
    )
    migrate: Annotated[bool | None, BeforeValidator(_auto_migrate)] = Field(
        default=None, description="Migrate the schema at start: `always`, `never`, or `auto` (on SQLite only)."
    )
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="`auto` writes text to a terminal and JSON elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level that is logged."
    )
    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(_comma_separated)] = Field(
        default=(), description="Further names by which clients may call the server (the `Host` header)."
    )
    trust_network: bool = Field(
        default=False, description="Serve an address other than loopback without tokens: all who reach it may do all."
    )
    require_tokens: Literal["auto", "always"] = Field(
        default="auto",
        description="`auto` needs tokens on any address but loopback; `always` needs them there, too.",
    )
    max_body_bytes: Count = Field(default=2_000_000, description="Largest request body that is read.")
    artifacts_url: Annotated[str | None, BeforeValidator(_known_place)] = Field(
        default=None,
        repr=False,
        description="Where checkpoints are kept: a URL that fsspec knows, such as `s3://BUCKET/FOLDER`; `auto` is the "
        "folder `artifacts` in `data_dir`.",
    )
    max_checkpoint_bytes: Count = Field(default=16 * 2**30, description="Largest checkpoint that is kept.")
    max_log_bytes: Whole = Field(
        default=8 * 2**20, ge=1_024, description="Bytes of the log of one attempt that are kept; the middle goes first."
    )
    drain_bad_machines: bool = Field(
        default=True, description="Drain a worker whose last attempts failed in a row while others did well elsewhere."
    )
    lease_ttl_seconds: Seconds = Field(default=60.0, description="Time after which a silent worker loses its trials.")
    writer_batch: Count = Field(default=512, description="Most changes that share one commit.")
    read_threads: Count = Field(default=8, description="Threads that answer reads.")
    mirror_trials: Whole = Field(
        default=200_000, ge=0, description="Trials kept in memory, over all studies: about 5 KB each with 50 points."
    )
    chart_points: Whole = Field(
        default=4_000_000, ge=0, description="Points of learning curves kept in memory for charts, over all studies."
    )
    event_keep_days: Count = Field(default=30, description="Days for which events are kept.")
    request_keep_hours: Count = Field(default=24, description="Hours for which a repeated request is recognised.")
    audit_keep_days: Count = Field(default=365, description="Days for which the audit log is kept.")
    group_commit: bool = Field(
        default=True, description="Commit waiting changes together; `false` is for measurements only."
    )

    @property
    def on_sqlite(self) -> bool:
        """Whether the database is a file of this machine."""
        return self.database_url.startswith("sqlite:")

    @property
    def migrates(self) -> bool:
        """Whether the server brings the schema up to date when it starts."""
        return self.on_sqlite if self.migrate is None else self.migrate

    @property
    def loopback_only(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def needs_tokens(self) -> bool:
        """Whether every request needs a token."""
        return self.require_tokens == "always" or not (self.loopback_only or self.trust_network)


@dataclass(frozen=True)
class Sourced:
    """One setting as it may be shown (secrets are masked), and where its value comes from."""

    name: str
    value: object
    source: str


@dataclass(frozen=True)
class Loaded:
    """Valid settings, and the source of each."""

    settings: Settings
    sources: tuple[Sourced, ...]


@dataclass(frozen=True)
class _Given:
    """A value somebody gave, still to be validated; `label` names it in errors, `source` in listings."""

    value: object
    label: str
    source: str


def load(flags: Mapping[str, object], environ: Mapping[str, str], toml: Path | None) -> Loaded:
    """Merge the sources, highest last; raise one `ConfigError` that lists all that is wrong."""
    errors: list[str] = []
    layers = (_from_toml(toml, errors), _from_environ(environ, errors), _from_flags(flags, errors))
    given = {name: value for layer in layers for name, value in layer.items()}
    try:
        settings = Settings.model_validate({name: one.value for name, one in given.items()})
    except ValidationError as refused:
        raise ConfigError(errors + list(_explain(refused, given))) from None
    if errors:
        raise ConfigError(errors)
    return Loaded(settings, tuple(_sources(settings, given)))


def toml_path(environ: Mapping[str, str], folder: Path) -> Path | None:
    """The file to read settings from: `BASIN_CONFIG` if set, else `basin.toml` in the folder if there is one."""
    if named := environ.get("BASIN_CONFIG"):
        return folder / named
    usual = folder / "basin.toml"
    return usual if usual.is_file() else None


def hide_password(url: str) -> str:
    """The URL with its password, in either of the places where one can stand, replaced by stars."""
    # Greedy, up to the last @: of a password with an @ or a slash in it rather too much is hidden than too little.
    url = re.sub(r"^([^:/]+://[^:/@]*:).*(@)", r"\1***\2", url)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", url)


def _from_flags(flags: Mapping[str, object], errors: list[str]) -> dict[str, _Given]:
    """Take the flags that were given (None means: not given)."""
    given = {}
    for name, value in flags.items():
        flag = f"--{name.replace('_', '-')}"
        if name not in Settings.model_fields:
            errors.append(f"{flag}: unknown setting{_nearest(name, prefix='--')}")
        elif value is not None:
            given[name] = _Given(value, flag, f"flag {flag}")
    return given


def _from_environ(environ: Mapping[str, str], errors: list[str]) -> dict[str, _Given]:
    """Take our variables; an empty one counts as not set, as `docker compose` passes absent ones so."""
    given = {}
    for key, value in sorted(environ.items()):
        if not key.startswith(PREFIX) or key in NOT_SETTINGS or key.startswith(TEST_PREFIX):
            continue
        name = key.removeprefix(PREFIX).lower()
        if key != key.upper() or name not in Settings.model_fields:
            errors.append(f"{key}: unknown setting{_nearest(name, prefix=PREFIX)}")
        elif value:
            given[name] = _Given(value, key, key)
    return given


def _from_toml(toml: Path | None, errors: list[str]) -> dict[str, _Given]:
    """Take the keys of the file, all of which stand at its top: it has no tables."""
    if toml is None:
        return {}
    try:
        text = toml.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not UTF-8"
        errors.append(f"{toml.name}: cannot be read: {reason}")
        return {}
    except tomllib.TOMLDecodeError as problem:
        errors.append(f"{toml.name}: {problem}")
        return {}
    given = {}
    for key, value in _flat(content):
        if key not in Settings.model_fields:
            errors.append(f"{toml.name}: {key}: unknown setting{_nearest(key.rpartition('.')[2])}")
        else:
            place = f"{toml.name}:{_line_of(key, text)}"
            given[key] = _Given(value, f"{place}: {key}", place)
    return given


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value


def _line_of(key: str, text: str) -> int:
    """The line on which a top-level key is set: the first that sets it and has nothing open above it."""
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        if line.partition("=")[0].strip().strip("\"'") != key:
            continue
        try:
            tomllib.loads("\n".join(lines[: number - 1]))
        except tomllib.TOMLDecodeError:
            continue
        return number
    return 1


def _nearest(name: str, prefix: str = "") -> str:
    near = difflib.get_close_matches(name.lower(), Settings.model_fields, n=1, cutoff=0.5)
    if not near:
        return ""
    spelled = {PREFIX: PREFIX + near[0].upper(), "--": "--" + near[0].replace("_", "-")}
    return f" (did you mean {spelled.get(prefix, near[0])}?)"


def _explain(refused: ValidationError, given: Mapping[str, _Given]) -> Iterator[str]:
    """One line for each refused value; the value itself is left out, as it may hold a password."""
    for error in refused.errors(include_url=False, include_input=False):
        name = str(error["loc"][0])
        if name in given:  # else it is a default that could not be made of a refused value
            yield f"{given[name].label}: {error['msg'].removeprefix('Value error, ').removeprefix('Input ')}"


def _sources(settings: Settings, given: Mapping[str, _Given]) -> Iterator[Sourced]:
    for name in Settings.model_fields:
        value: object = getattr(settings, name)
        if name in {"database_url", "artifacts_url"} and isinstance(value, str):
            value = hide_password(value)
        yield Sourced(name, value, given[name].source if name in given else "default")
