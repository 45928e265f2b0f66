"""What a worker is told on its command line, read and checked: one error for each wrong value, with its flag."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from service.wire.message import Identifier, Scalar, Seconds, Tag, WorkerName
from service.wire.worker import MAX_HELD, Gpu, LabelName, LabelValue, Selectors
from worker.problems import WorkerProblem
from worker.slots import Slot, on_cpus, on_gpus

COMMAND = "command"
_SIGNS = re.compile(r"[^\w.\-/]+")


@dataclass(frozen=True, slots=True)
class Named:
    """A trainer as studies call it, and what it is here: one that is known by name, a function of a file, a command."""

    name: str
    spec: str = ""
    command: tuple[str, ...] = ()


def trainers(given: Sequence[str], command: Sequence[str]) -> tuple[Named, ...]:
    """The trainers of a worker. With a command, at most one name is given: the command's."""
    if command:
        if len(given) > 1 or (given and ":" in given[0]):
            raise WorkerProblem(
                "--trainer: a command behind -- is the worker's trainer; --trainer can only give it a name",
                hint="Start a second worker for other trainers, in another --workdir.",
            )
        return (Named(_name(given[0] if given else COMMAND), command=tuple(command)),)
    if not given:
        raise WorkerProblem(
            "--trainer is missing: a worker runs only what it was started with",
            hint="Such as --trainer digits-mlp, --trainer my_file.py:train, or a command: -- python train.py --lr {lr}",
        )
    found = tuple(_trainer(one) for one in given)
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise WorkerProblem(f"--trainer: two are called {name}", hint="Name them: --trainer other=my_file.py:train")
    return found


def _trainer(given: str) -> Named:
    """`digits-mlp`, `my_file.py:train` (called my_file), or `name=my_file.py:train`."""
    name, equals, spec = given.partition("=")
    if equals:
        return Named(_name(name), spec)
    if ":" not in given:
        return Named(_name(given), given)
    place, _, function = given.rpartition(":")
    stem = Path(place).stem if place.endswith(".py") else place
    plain = _SIGNS.sub("-", stem if function in {"train", "objective"} else f"{stem}.{function}")
    return Named(_name(plain), given)


def _name(name: str) -> str:
    return _checked(Identifier, name.strip(), "--trainer", "a name: a letter first, then letters, digits and _ . - /")


def labels(given: Sequence[str]) -> dict[str, str]:
    """`key=value` each, several of them in one with commas."""
    found: dict[str, str] = {}
    for part in (part for one in given for part in one.split(",") if part):
        key, equals, value = part.partition("=")
        if not equals:
            raise WorkerProblem(f"--labels {part}: must be KEY=VALUE, such as --labels site=berlin")
        found[_checked(LabelName, key.strip(), "--labels", "letters, digits and _ . - /")] = _checked(
            LabelValue, value.strip(), "--labels", "at most 100 letters, digits and _ . - / @ + and spaces"
        )
    return found


def selectors(given: Sequence[str]) -> Selectors:
    """`study=NAME` and `tag=TAG`."""
    studies, tags = [], []
    for one in given:
        key, equals, value = one.partition("=")
        if key == "study" and equals and value:
            studies.append(value)
        elif key == "tag" and equals:
            tags.append(_checked(Tag, value, "--selector", "a tag: letters, digits and _ . - / = @ +"))
        else:
            raise WorkerProblem(f"--selector {one}: must be study=NAME or tag=TAG")
    return Selectors(studies=tuple(studies), tags=tuple(tags))


def seconds(given: str | None, flag: str) -> float | None:
    """`90s`, `10m`, `1h30m`, or a number of seconds."""
    if given is None:
        return None
    try:
        return TypeAdapter(Seconds).validate_python(float(given) if _is_number(given) else given)
    except ValidationError:
        raise WorkerProblem(f"{flag} {given}: must be seconds or a duration such as 90s, 10m or 1h30m") from None


def server(given: str) -> str:
    """The URL of the server."""
    try:
        url = urlsplit(given)
        known = url.scheme in {"http", "https"} and url.hostname and (url.port is None or url.port > 0)
    except ValueError:
        known = False
    if not known:
        raise WorkerProblem(f"--server {given}: must be a URL such as http://127.0.0.1:8420")
    return given.rstrip("/")


def name(given: str) -> str:
    """The worker's name."""
    return _checked(WorkerName, given, "--name", "1 to 200 signs that can be shown")


def params(given: Sequence[str]) -> dict[str, Scalar]:
    """`name=value` each: a number, true, false, null, or text."""
    found: dict[str, Scalar] = {}
    for one in given:
        key, equals, text = one.partition("=")
        if not equals or not key:
            raise WorkerProblem(f"--param {one}: must be NAME=VALUE, such as --param learning_rate=0.01")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if isinstance(value, dict | list):
            raise WorkerProblem(f"--param {key}: must be text, a number, true, false or null")
        found[key] = value
    return found


def slots(gpus: Sequence[Gpu], per_gpu: int | None, count: int | None, cores: int) -> tuple[Slot, ...]:
    """The places for trials: on GPUs if there are any, else on the cores."""
    if gpus:
        if count is not None:
            raise WorkerProblem("--slots is for workers without GPUs", hint="Say --slots-per-gpu, or --gpus none.")
        made = on_gpus(gpus, _count(per_gpu or 1, "--slots-per-gpu", 64))
    else:
        if per_gpu is not None:
            raise WorkerProblem("--slots-per-gpu: this worker has no GPU", hint="Say how many trials with --slots.")
        made = on_cpus(_count(cores if count is None else count, "--slots", MAX_HELD), cores)
    if len(made) > MAX_HELD:
        raise WorkerProblem(f"a worker runs at most {MAX_HELD} trials at once (these would be {len(made)})")
    return made


def token(option: Path | None, environ: Mapping[str, str], given: str | None) -> Callable[[], str | None]:
    """Whoever asks for the token gets what stands in the file now: it may be renewed while the worker runs."""
    if option is not None:
        _token_of(option)
        return lambda: _token_of(option)
    plain = given or environ.get("BASIN_TOKEN") or None
    if (plain is not None and not plain.isascii()) or any(sign.isspace() for sign in plain or ""):
        raise WorkerProblem("BASIN_TOKEN: a token holds no spaces and no line breaks")
    return lambda: plain


def _token_of(file: Path) -> str:
    try:
        found = file.expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no text"
        raise WorkerProblem(f"--token-file {file}: {reason}") from None
    if not found or not found.isascii() or any(sign.isspace() for sign in found):
        raise WorkerProblem(f"--token-file {file}: must hold one token and nothing else")
    return found


def _count(value: int, flag: str, most: int) -> int:
    if not 1 <= value <= most:
        raise WorkerProblem(f"{flag} {value}: must be from 1 to {most}")
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _checked(kind: Any, value: str, flag: str, must: str) -> str:
    try:
        checked: str = TypeAdapter(kind).validate_python(value)
    except ValidationError:
        raise WorkerProblem(f"{flag} {value!r}: must be {must}") from None
    return checked
