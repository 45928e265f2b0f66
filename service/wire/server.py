"""What the server tells of itself."""

from pydantic import Field

from service.wire.message import Answer

PROTOCOL = 1


class Version(Answer):
    """What runs here."""

    version: str = Field(examples=["0.1.0"])
    protocol: int = Field(description="The wire protocol; a client refuses a server of another one.")
    schema_revision: str
    database: str = Field(examples=["sqlite", "postgresql"])
    python: str


class Health(Answer):
    """Whether the server runs (healthz), and whether it can serve (readyz)."""

    status: str = Field(examples=["ok"])
    detail: str | None = None
