"""How an attempt's process is to be started: the first line that it reads, before its task.

Only the worker fills it in. What to run never comes from the server.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A trainer by name, by `my_file.py:train` or `package.module:train`; or a command, and how to read its metrics."""

    trainer: str = ""
    command: tuple[str, ...] = ()
    pattern: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "."
    check: bool = False


def encode(launch: Launch) -> bytes:
    """A launch as a line."""
    return json.dumps({**asdict(launch), "environment": dict(launch.environment)}).encode() + b"\n"


def decode(line: bytes) -> Launch:
    """A line as a launch."""
    told = json.loads(line)
    return Launch(**{**told, "command": tuple(told["command"])})
