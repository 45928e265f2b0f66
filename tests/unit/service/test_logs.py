"""Logs: one line a record, in either format, with the request it belongs to and without secrets."""

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest

from service.logs import Format, configure, redact, request_id

LOG = logging.getLogger("service.somewhere")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def logged(format: Format = "json", level: str = "info", stream: io.StringIO | None = None) -> io.StringIO:
    stream = stream or io.StringIO()
    configure(format, level, stream)
    return stream


def entries(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_holds_message_fields_and_request() -> None:
    stream = logged()
    token = request_id.set("r-1")
    LOG.info("study %s created", "digits", extra={"study": "digits", "trials": 3, "share": float("nan")})
    request_id.reset(token)
    LOG.info("idle")
    first, second = entries(stream)
    assert str(first.pop("time")).endswith("Z")
    assert first == {
        "level": "info",
        "logger": "service.somewhere",
        "message": "study digits created",
        "request_id": "r-1",
        "study": "digits",
        "trials": 3,
        "share": "nan",
    }
    assert "request_id" not in second


def test_text_reads_well() -> None:
    stream = logged("text")
    LOG.warning("slow commit", extra={"seconds": 1.5, "reason": "disk full", "empty": ""})
    moment, _, rest = stream.getvalue().partition(" ")
    assert moment.endswith("Z")
    assert rest == 'WARNING service.somewhere: slow commit seconds=1.5 reason="disk full" empty=""\n'


@pytest.mark.parametrize("format", ["text", "json"])
def test_one_line_a_record_even_with_traceback(format: Format) -> None:
    stream = logged(format)
    try:
        raise ValueError("two\nlines, password=hunter2")
    except ValueError:
        LOG.exception("failed\r\nFAKE record", extra={"note": "a\nb"})
    assert len(stream.getvalue().splitlines()) == 1
    assert "Traceback" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_auto_writes_text_to_a_terminal_and_json_elsewhere() -> None:
    terminal = logged("auto", stream=Terminal())
    LOG.info("hello")
    assert terminal.getvalue().endswith("service.somewhere: hello\n")
    elsewhere = logged("auto")
    LOG.info("hello")
    assert entries(elsewhere)[0]["message"] == "hello"


def test_the_level_is_kept_and_configuring_again_does_not_double() -> None:
    logged("json", "debug")
    stream = logged("json", "error")
    LOG.warning("quiet")
    LOG.error("loud")
    assert [entry["message"] for entry in entries(stream)] == ["loud"]


@pytest.mark.parametrize("name", ["uvicorn", "uvicorn.error", "uvicorn.access"])
def test_uvicorn_goes_the_same_way(name: str) -> None:
    logging.getLogger(name).addHandler(logging.StreamHandler(io.StringIO()))
    logging.getLogger(name).propagate = False
    stream = logged()
    logging.getLogger(name).info("started", extra={"color_message": "\x1b[1mstarted"})
    (entry,) = entries(stream)
    assert (entry["logger"], entry["message"], len(entry)) == (name, "started", 4)


def test_warnings_are_records_too() -> None:
    stream = logged()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old thing", stacklevel=1)
    assert "old thing" in str(entries(stream)[0]["message"])


@pytest.mark.parametrize(
    "text",
    [
        "connecting to postgresql://basin:hunter2@db/basin",
        "Authorization: Bearer hunter2",
        "bearer hunter2 refused",
        "password=hunter2&x=1",
        "{'token': 'hunter2', 'a': 1}",
        'BASIN_TOKEN="hunter2"',
        "api_token=hunter2",
        "Cookie: hunter2; path=/",
    ],
)
@pytest.mark.parametrize("format", ["text", "json"])
def test_secrets_are_not_written(text: str, format: Format) -> None:
    stream = logged(format)
    LOG.info(text)
    LOG.info("%s", text, extra={"detail": text, "access_token": "hunter2", "headers": {"authorization": "hunter2"}})
    assert "hunter2" not in stream.getvalue()


def test_of_a_token_of_ours_the_id_stays() -> None:
    token = "basin_3f9c1e0a77b2_" + "aB-_" * 10 + "xyz"
    assert redact(f"found {token} in a paste") == "found basin_3f9c1e0a77b2_*** in a paste"
    assert redact(f"/v1/tokens/{token}?x") == "/v1/tokens/basin_3f9c1e0a77b2_***?x"


@pytest.mark.parametrize("text", ["https://host:8420/v1", "tokens: 12", "a: b@c", "stale_token_count 3", "key=value"])
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text
