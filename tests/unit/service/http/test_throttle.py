"""How many wrong tokens are taken from one address."""

from dataclasses import dataclass

import pytest

from service.http.throttle import AT_ONCE, Throttle


@dataclass
class Clock:
    """A clock that a test moves."""

    seconds: float = 1_000.0

    def read(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock.read)


def spend(throttle: Throttle, address: str, most: int = 100) -> int:
    """How many wrong tokens are taken before it is too many."""
    count = 0
    while not throttle.spent(address) and count < most:
        throttle.failed(address)
        count += 1
    return count


def test_some_are_taken_at_once_then_one_now_and_then(throttle: Throttle, clock: Clock) -> None:
    assert spend(throttle, "10.0.0.1") == AT_ONCE
    assert spend(throttle, "10.0.0.1") == 0
    clock.seconds += 6
    assert spend(throttle, "10.0.0.1") == 1
    clock.seconds += 3_600
    assert spend(throttle, "10.0.0.1") == AT_ONCE, "however long it was silent, no more than in the beginning"


def test_addresses_do_not_answer_for_one_another(throttle: Throttle) -> None:
    spend(throttle, "10.0.0.1")
    assert not throttle.spent("10.0.0.2")
    assert not throttle.spent("unknown")


def test_a_network_of_ipv6_is_one_sender(throttle: Throttle) -> None:
    spend(throttle, "2001:db8::1")
    assert throttle.spent("2001:db8::2:3:4:5")
    assert not throttle.spent("2001:db8:0:1::1")


def test_it_remembers_no_more_than_it_has_room_for(throttle: Throttle) -> None:
    for number in range(12_000):
        throttle.failed(f"host-{number}")
    assert len(throttle) == 10_000
    assert spend(throttle, "host-0") == AT_ONCE
    assert spend(throttle, "host-11999") == AT_ONCE - 1
