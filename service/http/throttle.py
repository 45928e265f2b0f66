"""How many wrong tokens may come from one address: a few at once, then one every few seconds."""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

AT_ONCE = 10
_SECONDS_EACH = 6.0
_MOST_ADDRESSES = 10_000


class Throttle:
    """What addresses have left; one that is not known has all of it. The longest silent are forgotten first."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spent(self, address: str) -> bool:
        """Whether an address has sent too many wrong tokens."""
        return self._now(_neighbourhood(address)) < 1

    def failed(self, address: str) -> None:
        """Count a wrong token."""
        place = _neighbourhood(address)
        self._left[place] = (self._now(place) - 1, self._monotonic())
        self._left.move_to_end(place)
        if len(self._left) > _MOST_ADDRESSES:
            self._left.popitem(last=False)

    def __len__(self) -> int:
        return len(self._left)

    def _now(self, place: str) -> float:
        left, then = self._left.get(place, (float(AT_ONCE), 0.0))
        return min(AT_ONCE, left + (self._monotonic() - then) / _SECONDS_EACH)


def _neighbourhood(address: str) -> str:
    """The address, or of IPv6 the network: whoever has one address there has all of them."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else address
