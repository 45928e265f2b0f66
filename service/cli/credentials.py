"""The tokens that `basin login` keeps, by server, in a file that only its user can read."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from service.cli.errors import BadInput, CommandError
from service.words import clean

_OTHERS = 0o077


def read_file(name: str, given_by: str) -> str:
    """The token in a file: its first line."""
    try:
        token = Path(name).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadInput(f"{given_by} {clean(name)}: cannot be read: {why}") from error
    if not token or len(token.split()) > 1:
        raise BadInput(f"{given_by} {clean(name)}: must hold one token and nothing else")
    return token


class Kept:
    """The file."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        folder = environ.get("XDG_CONFIG_HOME")
        home = environ.get("HOME")
        base = Path(folder) if folder else Path(home) / ".config" if home else None
        self.path = None if base is None else base / "basin" / "tokens.json"

    def get(self, server: str) -> str | None:
        """The token for a server, if there is one."""
        return self._read().get(_key(server))

    def put(self, server: str, token: str) -> Path:
        """Keep a token for a server; answers where."""
        return self._write({**self._read(), _key(server): token})

    def drop(self, server: str) -> bool:
        """Forget the token for a server; whether there was one."""
        tokens = self._read()
        if tokens.pop(_key(server), None) is None:
            return False
        self._write(tokens)
        return True

    def _read(self) -> dict[str, str]:
        if self.path is None:
            return {}
        try:
            if not self.path.is_file():
                return {}
        except PermissionError:
            return {}  # in a folder that is not this user's there is no token of his
        try:
            if self.path.stat().st_mode & _OTHERS:
                raise CommandError(
                    f"{clean(str(self.path))} can be read by others than you, and it holds tokens",
                    hint=f"chmod 600 {clean(str(self.path))}",
                )
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(
                f"{clean(str(self.path))} cannot be read: {clean(str(error))}", hint="Remove it, then: basin login URL"
            ) from error
        return {str(server): str(token) for server, token in found.items()} if isinstance(found, dict) else {}

    def _write(self, tokens: Mapping[str, str]) -> Path:
        if self.path is None:
            raise CommandError("there is no folder to keep a token in", hint="Set HOME, or use BASIN_TOKEN.")
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A new file beside it: made for this user alone, and never seen half written.
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".tokens-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(tokens, file, indent=2)
        Path(name).replace(self.path)
        return self.path


def _key(server: str) -> str:
    return server.rstrip("/").lower()
