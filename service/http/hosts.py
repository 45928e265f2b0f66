"""The names by which a server may be called.

A page on the internet can let its own name point at 127.0.0.1 and so have a browser talk to a server that only this
machine can reach (DNS rebinding). Such requests carry the page's name as Host, and are refused for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Hosts:
    """Names that are allowed besides loopback; any, where that does no harm and no names are given."""

    bound: str
    given: frozenset[str]
    any: bool

    @classmethod
    def of(cls, bound: str, allowed: Iterable[str], *, trust_network: bool) -> "Hosts":
        """The names for a server that listens on `bound`.

        A network is trusted where that was said, and where tokens are needed: a page that gives its own name to this
        server has none, and gets no cookie that was set under another name.
        """
        given = frozenset(name.strip().lower() for name in allowed if name.strip())
        return cls(bound.strip("[]").lower(), given, "*" in given or (trust_network and not given))

    def allows(self, host: str) -> bool:
        """Whether a server may be called by this Host header."""
        if self.any:
            return True
        name = _name(host)
        return name in _LOOPBACK or name == self.bound or self._is_given(name, host) or _is_loopback(name)

    def allows_origin(self, origin: str, host: str) -> bool:
        """Whether a page of this origin may change things: the server's own, or one of a name that was given.

        Another port of this machine is another origin: who knows what is served there.
        """
        place = urlsplit(origin).netloc.lower() if "://" in origin else ""
        if not place:
            return False
        return place == host.lower() or (not self.any and self._is_given(_name(place), place))

    def _is_given(self, name: str, host: str) -> bool:
        if name in self.given or host.lower() in self.given:
            return True
        return any(given.startswith("*.") and name.endswith(given[1:]) for given in self.given)


def reached_from_here_alone(host: str) -> bool:
    """Whether a server that listens on this address is reached from its own machine alone."""
    name = host.strip("[]").lower()
    return name == "localhost" or _is_loopback(name)


def _name(host: str) -> str:
    """The name without port, brackets and the dot at the end."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host).rstrip(".").lower()


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
