"""docs/api.md says what is so: its commands are carried out, its table of codes is compared."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.unit.service.http.api import Api, document

GUIDE = (Path(__file__).parents[4] / "docs/api.md").read_text(encoding="utf-8")
VARIABLES = {"$B": "/v1", "$J": "Content-Type: application/json"}


def commands() -> Iterator[tuple[int, str, str, dict[str, str], str | None]]:
    """Status, method, address, headers and body of each command, in their order."""
    (session,) = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    for status, command in re.findall(r"^# (\d{3}).*\n(curl .*)$", session, re.MULTILINE):
        for name, value in VARIABLES.items():
            command = command.replace(name, value)
        words = iter(shlex.split(command)[1:])
        method, address, body, headers = "GET", "", None, {}
        for word in words:
            match word:
                case "-X":
                    method = next(words)
                case "-H":
                    name, _, value = next(words).partition(": ")
                    headers[name] = value
                case "-d":
                    method, body = "POST" if method == "GET" else method, next(words)
                case "-i":
                    pass
                case _:
                    address = word
        yield int(status), method, address, headers, body


def test_the_commands_do_what_they_say(api: Api) -> None:
    done = 0
    for status, method, address, headers, body in commands():
        response = api.call(method, address, content=body, headers=headers)
        assert response.status_code == status, (method, address, response.text)
        done += 1
    assert done == GUIDE.count("\ncurl ") == 15


def test_every_code_is_told_with_its_status() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (.*?) \|", GUIDE, re.MULTILINE)
    told = {(int(status), code) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    raised = {(example["value"]["status"], code) for code, example in document()["components"]["examples"].items()}
    # Two that belong to no operation: they say that there is none.
    assert told == raised | {(404, "not_found"), (405, "method_not_allowed")}
