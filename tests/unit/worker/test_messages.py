"""Messages between an attempt's process and its agent come out as they went in."""

import math

import pytest

from worker import launch, messages
from worker.messages import Agreed, Command, Ended, Message, Read, Reported, Saved, Started, Task

_ALL: list[Message] = [
    Task(study="ä\n", trial=1, attempt=2, trainer="t", params={"a": None, "b": True}, seed=3, metric="m", folder="/f"),
    Task(study="s", trial=1, attempt=1, trainer="t", params={}, seed=1, metric="m", folder="/f", metrics=("m", "n")),
    Command(order="pause", reason="rung 1"),
    Started(pid=7),
    Reported(seq=1, step=2, metrics={"loss": 0.1 + 0.2, "up": math.inf, "down": -math.inf}, elapsed=1.5),
    Read(fingerprint="ab" * 32),
    Agreed(),
    Saved(step=3, path="/f/x", sha256="0" * 64, size=2**40),
    Ended(outcome="failed", values={"loss": math.inf}, failure_class="crash", message="no\n", tail="x"),
]


@pytest.mark.parametrize("message", _ALL)
def test_a_message_comes_out_as_it_went_in(message: Message) -> None:
    line = messages.encode(message)
    assert line.count(b"\n") == 1
    assert messages.decode(line) == message


def test_not_a_number_stays_none() -> None:
    told = messages.decode(messages.encode(Reported(seq=1, step=1, metrics={"loss": math.nan}, elapsed=0.0)))
    assert isinstance(told, Reported)
    assert math.isnan(told.metrics["loss"])


def test_half_a_character_loses_no_message() -> None:
    told = messages.decode(messages.encode(Ended(outcome="failed", message="no file \udcff")))
    assert told == Ended(outcome="failed", message="no file ?")


@pytest.mark.parametrize("line", [b"{}", b"[]", b'{"type": "started"}', b'{"type": "other"}', b"half a li"])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        messages.decode(line)


def test_lines_are_taken_off_when_they_are_whole() -> None:
    buffer = bytearray(b"one\ntwo\nthr")
    assert list(messages.lines(buffer)) == [b"one", b"two"]
    assert buffer == b"thr"


def test_a_launch_comes_out_as_it_went_in() -> None:
    start = launch.Launch(command=("a", "{b}"), pattern="x", environment={"A": "b"}, directory="/d", check=True)
    assert launch.decode(launch.encode(start)) == start
