"""Which crashes are the same."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.domain import strikes
from service.domain.trial import Trial
from service.wire.trial import Failure

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def failure(message: str = "", kind: str = "crash", tail: str = "") -> Failure:
    return Failure.model_validate({"class": kind, "message": message, "tail": tail})


def trial(number: int, lr: float, why: Failure | None) -> Trial:
    fields: dict[str, Any] = {"origin": "sampled", "created_at": NOW, "state": "failed"}
    return Trial(study_id=1, number=number, params={"lr": lr, "kind": None}, failure=why, **fields)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("KeyError: 'lr'", "KeyError: 'lr'"),
        ("shape (32, 7) is not (64, 7)", "shape (16, 9) is not (128, 9)"),
        ("object at 0x7f00aa12", "object at 0x55DE"),
        ("no file /data/a/x.pt", "no file /tmp/run-9/y.pt"),
        (r"no file C:\data\a\x.pt", r"no file D:\tmp\y.pt"),
        ("loss 1.5e-7 is too small", "loss 0.25 is too small"),
        ("line\none", "line  one"),
        ("", "  \n"),
    ],
)
def test_numbers_addresses_and_paths_do_not_tell_crashes_apart(one: str, other: str) -> None:
    assert strikes.crash(failure(one)) == strikes.crash(failure(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (failure("KeyError: 'lr'"), failure("KeyError: 'dropout'")),
        (failure("boom"), failure("boom", "user_error")),
        (failure(tail="a\nValueError: x"), failure(tail="a\nTypeError: x")),
        (failure("a/b"), failure("c/d")),
    ],
)
def test_other_crashes_are_others(one: Failure, other: Failure) -> None:
    assert strikes.crash(one) != strikes.crash(other)


def test_points_are_counted_and_not_trials() -> None:
    boom = failure("boom 1")
    trials = [
        trial(5, 0.1, failure("boom 2")),
        trial(3, 0.1, boom),
        trial(4, 0.2, boom),
        trial(6, 0.3, failure("else")),
        trial(7, 0.4, failure("boom", "oom")),
        trial(8, 0.5, None),
    ]
    assert strikes.same(trials, failure("boom 9")) == [3, 4]


def test_a_reason_says_what_which_and_what_to_do() -> None:
    told = strikes.told([3, 5, 8], failure("KeyError:\x00\n\x1b[31m 'lr'", "user_error"), "'a b'")
    assert told == (
        "trials 3, 5 and 8 failed alike (user_error: KeyError: [31m 'lr'): "
        "fix the trainer, then basin study resume 'a b'"
    )
    assert strikes.told([3], failure(), "s").startswith("trial 3 failed (crash): fix")
    long = strikes.told([1, 2], failure("x" * 2000), "s")
    assert len(long) < 300


def test_without_a_message_the_last_line_of_the_log_tells() -> None:
    assert strikes.message(failure(tail="Traceback\n  File x\nValueError: no\n\n")) == "ValueError: no"
    assert strikes.message(failure(" said ", tail="log")) == "said"
