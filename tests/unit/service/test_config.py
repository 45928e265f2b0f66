"""Settings: who wins, where a value came from, and that everything wrong is named at once."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.config import ConfigError, Loaded, Settings, hide_password, load, toml_path


def sources(loaded: Loaded) -> dict[str, str]:
    return {one.name: one.source for one in loaded.sources}


def errors(
    flags: dict[str, object] | None = None, environ: dict[str, str] | None = None, toml: Path | None = None
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(flags or {}, environ or {}, toml)
    return caught.value.errors


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "basin.toml"


def test_the_place_of_checkpoints_is_a_url() -> None:
    for given in ("s3://bucket/x", "file:///x", "memory://x"):
        assert load({}, {"BASIN_ARTIFACTS_URL": given}, None).settings.artifacts_url == given
    assert load({}, {"BASIN_ARTIFACTS_URL": "auto"}, None).settings.artifacts_url is None
    with pytest.raises(ConfigError, match="BASIN_ARTIFACTS_URL: should be a URL, such as s3://BUCKET/FOLDER"):
        load({}, {"BASIN_ARTIFACTS_URL": "/data/x"}, None)


def test_the_keys_of_a_place_are_not_shown() -> None:
    loaded = load({"artifacts_url": "s3://key:secret@b/x"}, {}, None)
    (shown,) = [one for one in loaded.sources if one.name == "artifacts_url"]
    assert shown.value == "s3://key:***@b/x"


def test_defaults_alone() -> None:
    loaded = load({}, {}, None)
    assert loaded.settings == Settings()
    assert set(sources(loaded).values()) == {"default"}
    assert [one.name for one in loaded.sources] == list(Settings.model_fields)


def test_flags_over_variables_over_file_over_defaults(toml: Path) -> None:
    toml.write_text('# ours\nport = 1\nhost = "a"\nread_threads = 3\n')
    loaded = load({"port": 3, "host": None}, {"BASIN_PORT": "2", "BASIN_HOST": "b"}, toml)
    assert (loaded.settings.port, loaded.settings.host, loaded.settings.read_threads) == (3, "b", 3)
    assert sources(loaded) == dict.fromkeys(Settings.model_fields, "default") | {
        "port": "flag --port",
        "host": "BASIN_HOST",
        "read_threads": "basin.toml:4",
    }


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({}, {"BASIN_PORT": ""}, None).settings.port == 8420


@pytest.mark.parametrize(
    "variable",
    ["BASIN_SERVER", "BASIN_TOKEN", "BASIN_TOKEN_FILE", "BASIN_OUTPUT", "BASIN_CONFIG", "BASIN_TEST_ANYTHING", "PATH"],
)
def test_variables_that_are_no_settings_are_left_alone(variable: str) -> None:
    assert load({}, {variable: "x"}, None).settings == Settings()


def test_everything_wrong_is_said_at_once(toml: Path) -> None:
    toml.write_text('port = 99999\nlog_level = "loud"\n[server]\nprot = 1\n')
    assert errors({"hots": "x"}, {"BASIN_PROT": "1", "BASIN_READ_THREADS": "0"}, toml) == [
        "basin.toml: server.prot: unknown setting (did you mean port?)",
        "BASIN_PROT: unknown setting (did you mean BASIN_PORT?)",
        "--hots: unknown setting (did you mean --host?)",
        "basin.toml:1: port: should be less than or equal to 65535",
        "basin.toml:2: log_level: should be 'debug', 'info', 'warning' or 'error'",
        "BASIN_READ_THREADS: should be greater than or equal to 1",
    ]


def test_a_name_like_no_other_gets_no_guess() -> None:
    assert errors(environ={"BASIN_ZZZZZZ": "1"}) == ["BASIN_ZZZZZZ: unknown setting"]


def test_a_variable_in_small_letters_is_refused_not_ignored() -> None:
    assert errors(environ={"BASIN_port": "1"}) == ["BASIN_port: unknown setting (did you mean BASIN_PORT?)"]


def test_the_line_of_a_key_inside_a_string_is_not_taken(toml: Path) -> None:
    toml.write_text('host = """\nport = 1\n"""\n"port" = 2\n')
    assert sources(load({}, {}, toml))["port"] == "basin.toml:4"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"port = ", "basin.toml: Invalid value (at end of document)"),
        (b"\xff", "basin.toml: cannot be read: not UTF-8"),
        (None, "basin.toml: cannot be read: No such file or directory"),
        (b"[port]\n", "basin.toml:1: port: should be a valid integer"),
        (b"port = true\n", "basin.toml:1: port: should be a number"),
    ],
)
def test_a_file_that_cannot_be_used(toml: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        toml.write_bytes(content)
    assert errors(toml=toml) == [said]


def test_the_database_is_in_the_data_folder_unless_told_otherwise() -> None:
    assert Settings().database_url == "sqlite:///basin-data/basin.db"
    assert load({}, {"BASIN_DATA_DIR": "/srv/basin"}, None).settings.database_url == "sqlite:////srv/basin/basin.db"
    (said,) = errors({"data_dir": 3})
    assert said.startswith("--data-dir: is not a valid path")


def test_lists_are_written_with_commas_or_as_lists(toml: Path) -> None:
    assert load({}, {"BASIN_ALLOWED_HOSTS": "a, b.example,"}, None).settings.allowed_hosts == ("a", "b.example")
    toml.write_text('allowed_hosts = ["c"]\n')
    assert load({}, {}, toml).settings.allowed_hosts == ("c",)


@pytest.mark.parametrize(
    ("url", "given", "migrates"),
    [
        ("sqlite:///x.db", None, True),
        ("sqlite:///x.db", "auto", True),
        ("sqlite:///x.db", "never", False),
        ("postgresql://u@h/d", None, False),
        ("postgresql+psycopg://u@h/d", "always", True),
        ("postgresql://u@h/d", "true", True),
        ("postgresql://u@h/d", True, True),
    ],
)
def test_when_the_server_migrates(url: str, given: object, migrates: bool) -> None:
    assert load({"database_url": url, "migrate": given}, {}, None).settings.migrates is migrates


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.1.2.3", False),
        ("basin.example", False),
    ],
)
def test_which_addresses_only_this_machine_reaches(host: str, local: bool) -> None:
    assert Settings(host=host).loopback_only is local


@pytest.mark.parametrize(
    ("host", "trust", "require", "needs"),
    [
        ("127.0.0.1", False, "auto", False),
        ("127.0.0.1", True, "auto", False),
        ("127.0.0.1", False, "always", True),
        ("0.0.0.0", False, "auto", True),
        ("basin.example", False, "auto", True),
        ("0.0.0.0", True, "auto", False),
        ("0.0.0.0", True, "always", True),
    ],
)
def test_where_tokens_are_needed(host: str, trust: bool, require: str, needs: bool) -> None:
    flags = {"host": host, "trust_network": trust, "require_tokens": require}
    assert load(flags, {}, None).settings.needs_tokens is needs


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/d", "hunter2", "postgres://u:hunter2@h/d"])
def test_an_unknown_database_is_refused_without_showing_its_password(url: str) -> None:
    (said,) = errors(environ={"BASIN_DATABASE_URL": url})
    assert said == "BASIN_DATABASE_URL: should start with one of sqlite://, postgresql://, postgresql+psycopg://"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///?mode=ro", "sqlite://x"])
def test_a_database_that_would_be_gone_with_the_process_is_refused(url: str) -> None:
    (said,) = errors({"database_url": url})
    assert said.startswith("--database-url: should name a file: sqlite:///FILE")


def test_the_password_is_used_but_never_shown() -> None:
    url = "postgresql://basin:hunter2@db/basin"
    loaded = load({}, {"BASIN_DATABASE_URL": url}, None)
    assert loaded.settings.database_url == url
    assert "hunter2" not in repr(loaded)
    assert "hunter2" not in str(loaded.settings)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///basin-data/basin.db", "sqlite:///basin-data/basin.db"),
        ("sqlite:////var/lib/basin.db", "sqlite:////var/lib/basin.db"),
        ("postgresql://u:p%40ss@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql://u:p@ss/w@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql:///d?host=/run&password=p", "postgresql:///d?host=/run&password=***"),
    ],
)
def test_hidden_passwords(url: str, shown: str) -> None:
    assert hide_password(url) == shown


def test_which_file_is_read(tmp_path: Path) -> None:
    assert toml_path({}, tmp_path) is None
    (tmp_path / "basin.toml").touch()
    assert toml_path({}, tmp_path) == tmp_path / "basin.toml"
    assert toml_path({"BASIN_CONFIG": "other.toml"}, tmp_path) == tmp_path / "other.toml"


def test_settings_cannot_be_changed_or_grown() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1
    with pytest.raises(ValidationError):
        Settings.model_validate({"prot": 1})
