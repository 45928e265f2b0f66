"""Structured logs on standard error, as text or JSON: one line for each record, without secrets."""

import json
import logging
import math
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

Format = Literal["auto", "text", "json"]

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request that the running code serves; set by the HTTP edge, written with every record."""

# What can hold a secret: a password in a URL, a bearer token, and anything written as `token=...` or "password": "...".
_PASSWORD_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)\S+(@)", re.IGNORECASE)
_BEARER = re.compile(r"(\bbearer\s+)[^\s\"',;]+", re.IGNORECASE)
# Its id stays: by it whoever reads the log knows which token to revoke.
_TOKEN = re.compile(r"(basin_[0-9a-f]{12}_)[A-Za-z0-9_\-]+")
_NAMED = re.compile(
    r"((?<![a-z])(?:\w*_)?(?:password|passwd|secret|token|cookie|authorization)[\"']?\s*[=:]\s*(?:bearer\s+)?[\"']?)[^\s\"',;&)}]+",
    re.IGNORECASE,
)
# Of names, those whose values are secrets wherever they appear as extra fields.
_SECRET_FIELD = re.compile(r"(?:^|_)(?:password|passwd|secret|token|cookie|authorization)$", re.IGNORECASE)

_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
_THEIRS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")


def configure(format: Format, level: str, stream: TextIO | None = None) -> None:
    """Send every record of this process, uvicorn's too, to one handler; start uvicorn with `log_config=None`."""
    target = stream or sys.stderr
    as_text = format == "text" or (format == "auto" and target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(TextFormatter() if as_text else JsonFormatter())
    root = logging.getLogger()
    for old in tuple(root.handlers):
        if isinstance(old.formatter, _Formatter):  # ours, of an earlier call; a test runner's own stay
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name in _THEIRS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)


def redact(text: str) -> str:
    """The text with everything that looks like a secret replaced by stars."""
    text = _TOKEN.sub(r"\1***", _PASSWORD_IN_URL.sub(r"\1***\2", text))
    return _BEARER.sub(r"\1***", _NAMED.sub(r"\1***", text))


class _Formatter(logging.Formatter):
    """What both formats share: the time, the extra fields, and the traceback as text."""

    def moment(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """What the caller gave as `extra`, with the request it belongs to first."""
        fields: dict[str, object] = {}
        if (current := request_id.get()) is not None:
            fields["request_id"] = current
        for name, value in vars(record).items():
            if name not in _USUAL and not name.startswith("_"):
                fields[name] = "***" if _SECRET_FIELD.search(name) else _plain(value)
        return fields

    def trouble(self, record: logging.LogRecord) -> str | None:
        if record.exc_info and record.exc_info[0] is not None:
            return redact(self.formatException(record.exc_info))
        return None


class TextFormatter(_Formatter):
    """For people: time, level, logger, message, `name=value` fields; line breaks are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        parts = [self.moment(record), f"{record.levelname:7}", f"{record.name}:", redact(record.getMessage())]
        parts += [f"{name}={_as_word(value)}" for name, value in self.fields(record).items()]
        if trouble := self.trouble(record):
            parts.append(f"\n{trouble}")
        return " ".join(parts).replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")


class JsonFormatter(_Formatter):
    """For machines: one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        entry |= {name: value for name, value in self.fields(record).items() if name not in entry}
        if trouble := self.trouble(record):
            entry["exception"] = trouble
        return json.dumps(entry, ensure_ascii=False, default=str)


def _plain(value: object) -> object:
    """The value as JSON can hold it; text is searched for secrets."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return redact(str(value))


def _as_word(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or re.search(r"[\s\"=]", text) else text
