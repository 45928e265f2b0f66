"""Tokens: what they look like, what is kept of them, and when they hold."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime

from service.domain.actor import Actor
from service.wire.token import Role, TokenState

ID_BYTES = 6
SECRET_BYTES = 32
_FORM = re.compile(r"basin_([0-9a-f]{12})_[A-Za-z0-9_\-]{43}")


def written(token_id: str, random: bytes) -> str:
    """A token as its holder gets it: whoever finds one can tell by its id which one to revoke."""
    return f"basin_{token_id}_{urlsafe_b64encode(random).decode().rstrip('=')}"


def public_id(secret: str) -> str | None:
    """The public part of a token; None of what cannot be one."""
    found = _FORM.fullmatch(secret)
    return found[1] if found else None


def digest(secret: str) -> str:
    """What is kept of a secret. It has 256 random bits: no salt and no slow hash makes it harder to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as the server keeps it."""

    id: str
    name: str
    role: Role
    hash: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def fits(self, secret: str) -> bool:
        """Whether this is the token that a secret belongs to; takes as long whatever the secret is."""
        return hmac.compare_digest(self.hash, digest(secret))

    def state(self, now: datetime) -> TokenState:
        """Whether it holds."""
        if self.revoked_at is not None:
            return "revoked"
        return "live" if self.expires_at is None or now < self.expires_at else "expired"

    @property
    def actor(self) -> Actor:
        """Whoever uses it."""
        return Actor(self.name, self.role, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser that has logged in with a token. Its id is kept as a hash only, as tokens are."""

    hash: str
    token_id: str
    created_at: datetime
    expires_at: datetime
