"""How an attempt's end is told: what its process said, what it was told to do, and what the agent did to it."""

import pytest

from service.wire.lease import Completed, Lease, Usage
from service.wire.objective import Objective
from worker.messages import Ended, Order
from worker.outcome import Cut, as_it_was, complete, conclude, failed

LEASE = Lease(
    study="s",
    trial=0,
    attempt=1,
    token=3,
    ttl_seconds=60,
    params={},
    seed=1,
    objectives=(Objective(metric="loss"),),
)
KILLED = Ended(outcome="failed", failure_class="crash", message="killed by its worker")


def test_its_own_word_counts() -> None:
    said = Ended(outcome="completed", values={"loss": 1.0})
    assert conclude(said, None, None, "log") == said
    crash = Ended(outcome="failed", failure_class="oom", message="too large")
    assert conclude(crash, None, None, "the log").tail == "the log"
    assert conclude(crash, "stop", None, "").failure_class == "oom", "it failed by itself before it could obey"


@pytest.mark.parametrize(("order", "outcome"), [("stop", "pruned"), ("pause", "paused"), ("preempt", "preempted")])
def test_one_that_was_killed_while_it_obeyed_has_obeyed(order: Order, outcome: str) -> None:
    assert conclude(KILLED, order, Cut("hurry", "no time"), "").outcome == outcome
    assert conclude(None, order, None, "").outcome == outcome


def test_a_timeout_counts_more_than_its_last_word() -> None:
    found = conclude(KILLED, None, Cut("timeout", "no report for 120 s"), "File x.py, line 3")
    assert (found.failure_class, found.message, found.tail) == ("timeout", "no report for 120 s", "File x.py, line 3")


def test_silence_is_a_crash() -> None:
    assert conclude(None, None, None, "").failure_class == "crash"


def test_without_a_checkpoint_there_is_nothing_to_go_on_from() -> None:
    usage = Usage()
    preempted = complete(LEASE, Ended(outcome="preempted"), usage, checkpoint=False)
    assert preempted.outcome == "failed"
    assert preempted.failure is not None
    assert preempted.failure.failure_class == "preempted"
    assert complete(LEASE, Ended(outcome="paused"), usage, checkpoint=False).outcome == "pruned"
    for outcome in ("preempted", "paused"):
        assert complete(LEASE, Ended(outcome=outcome), usage, checkpoint=True).outcome == outcome


def test_only_objectives_are_values_and_failures_have_none() -> None:
    body = complete(LEASE, Ended(outcome="completed", values={"loss": 1.0, "x": 2.0}), Usage(), checkpoint=False)
    assert body.values == {"loss": 1.0}
    body = complete(LEASE, failed("nan", "diverged"), Usage(), checkpoint=False)
    assert body.values is None
    assert body.token == 3


def test_a_trainer_that_gives_up_says_why() -> None:
    body = complete(LEASE, Ended(outcome="pruned", message="not learning"), Usage(), checkpoint=False)
    assert (body.outcome, body.reason) == ("pruned", "not learning")
    assert complete(LEASE, Ended(outcome="pruned"), Usage(), checkpoint=False).reason is None
    assert complete(LEASE, Ended(outcome="completed", message="x"), Usage(), checkpoint=False).reason is None


def test_the_signal_of_a_crash_is_told() -> None:
    crash = Ended(outcome="failed", failure_class="crash", message="ended by SIGSEGV", signal=11)
    body = complete(LEASE, conclude(crash, None, None, "log"), Usage(), checkpoint=False)
    assert body.failure is not None
    assert (body.failure.failure_class, body.failure.signal) == ("crash", 11)


def test_text_is_cut_and_can_travel() -> None:
    long = failed("crash", "m" * 9_000, "t" * 99_000 + "the end")
    body = complete(LEASE, long, Usage(), checkpoint=False)
    assert body.failure is not None
    assert len(body.failure.message) == 2_000
    assert body.failure.tail.endswith("the end")
    odd = complete(LEASE, failed("crash", "a\udc80b\0"), Usage(), checkpoint=False)
    assert odd.failure is not None
    assert odd.failure.message == "a?b\\0"


@pytest.mark.parametrize(
    ("ended", "state", "told"),
    [
        (failed("crash", "gone"), "failed", "failed"),
        (failed("infra", "gone"), "queued", "queued"),
        (failed("infra", "gone"), "running", "failed"),
        (failed("infra", "gone"), "completed", "failed"),
        (Ended(outcome="preempted"), "completed", "preempted"),
        (Ended(outcome="completed"), "completed", "completed"),
        (Ended(outcome="pruned"), "completed", "completed"),
    ],
)
def test_what_others_have_made_of_a_trial_is_not_taken_for_its_own_end(ended: Ended, state: str, told: str) -> None:
    body = complete(LEASE, ended, Usage(), checkpoint=True)
    answer = Completed(trial=0, attempt=1, state=state, values={"loss": 1.0})
    found = as_it_was(answer, body)
    assert (found.state, found.values is None) == (told, told != state)
