"""Who acts: the holder of a token, whoever needs none, or the server itself."""

from dataclasses import dataclass

from service.wire.token import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for something, and as what. `token` is the public id of the token that says so."""

    name: str
    role: Role | None
    token: str | None = None

    def holds(self, holder: str | None) -> bool:
        """Whether an attempt that was granted to `holder` is this actor's to write to. Workers have only their own."""
        return self.role != "worker" or (holder is not None and holder == self.token)


LOCAL = Actor("local", "admin")
"""Whoever reaches a server that only its own machine can reach, or works on its database there."""

NETWORK = Actor("network", "admin")
"""Whoever reaches a server that was told to trust its network."""

SYSTEM = Actor("system", None)
"""The server, where it acts by itself."""
