"""The tree of what can go wrong in a command, each with its exit code.

* CommandError                1  refused by the server, or a check that failed
  x BadInput                  2  a wrong option, file or field
  x NotThere                  3  no such study or trial
  x Unreachable               4  no server, no Basin server, or one that cannot answer now
  x Conflicting               5  what is there is in the way: a name, a state, a newer revision
Interrupted by the user: 130, as shells have it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

INTERRUPTED = 130

# The server's hints speak of its API; those who type commands are told the command.
_HINTS: Mapping[str, str] = {
    "study_not_found": "basin study list shows the studies there are.",
    "not_found": "Is --server right, and is the server as new as this command? basin doctor compares them.",
    "trial_not_found": "basin trial list STUDY shows the trials there are.",
    "name_taken": "Choose another name with --name, or delete that study first: basin study delete NAME",
    "finish_not_found": "Finish it first: basin study finish NAME",
    "finish_running": "basin study finish NAME shows how far it is; --cancel calls it off.",
    "test_split_opened": "basin study finish NAME shows what it said. To open it once more, say why: --again REASON",
    "study_busy": "Stop it first (basin study stop NAME), or add --force.",
    "token_not_found": "basin token list shows the tokens there are.",
    "token_missing": "Give a token: BASIN_TOKEN, --token-file FILE, or once and for all: basin login URL\n"
    "Whoever runs the server makes one, on its machine: basin token create --local --role ROLE --name NAME",
    "token_invalid": "Ask whoever runs the server for a new one (basin token create). The token comes from --token, "
    "--token-file, BASIN_TOKEN, BASIN_TOKEN_FILE or basin login, the first of them that is there.",
    "role_missing": "basin token list shows the roles of tokens; an admin makes one of another role.",
    "revision_mismatch": "Look at what is there now (basin study show NAME), then make your change again.",
}


class CommandError(Exception):
    """What is shown instead of a result: one line for each thing that is wrong, and a hint what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, *lines: str, hint: str | None = None, detail: str | None = None) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.hint = hint
        self.detail = detail
        """For --debug only: request id and status."""


class BadInput(CommandError):
    """An option, a file or a field is not as it should be."""

    exit_code = 2


class NotThere(CommandError):
    """There is no such study or trial."""

    exit_code = 3


class Unreachable(CommandError):
    """The server cannot be reached, or cannot answer now."""

    exit_code = 4


class Conflicting(CommandError):
    """What is there is in the way."""

    exit_code = 5


class Refused(Exception):
    """A problem body, as the server sent it; `explain` makes a CommandError of it."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or status))
        self.status = status
        self.problem = problem

    @property
    def code(self) -> str:
        """The stable code of the refusal."""
        return str(self.problem.get("code", ""))

    @property
    def fields(self) -> Sequence[tuple[str, str]]:
        """The fields at fault with what is wrong with each."""
        errors = self.problem.get("errors")
        return [
            (str(error.get("field", "")), str(error.get("message", "")))
            for error in (errors if isinstance(errors, list) else [])
            if isinstance(error, dict)
        ]

    def explain(self, of: str = "") -> CommandError:
        """The refusal in words, with the exit code that goes with it; `of` is put in front of each line."""
        kind = _kind(self.status)
        fields = self.fields if kind is BadInput else ()
        lines = [f"{field}: {message}" if field else message for field, message in fields] or [str(self)]
        hint = _HINTS.get(self.code) or self.problem.get("hint")
        request = self.problem.get("request_id") or "unknown"
        return kind(
            *(of + line for line in lines),
            hint=None if hint is None else str(hint),
            detail=f"status {self.status}, code {self.code or 'none'}, request {request}",
        )


def _kind(status: int) -> type[CommandError]:
    kinds: Mapping[int, type[CommandError]] = {
        400: BadInput,
        404: NotThere,
        409: Conflicting,
        412: Conflicting,
        413: BadInput,
        422: BadInput,
        429: Unreachable,
        502: Unreachable,
        503: Unreachable,
        504: Unreachable,
    }
    return kinds.get(status, CommandError)
