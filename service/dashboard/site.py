"""What the pages hold together while the server runs."""

from dataclasses import dataclass, field

from starlette.requests import Request

from service.dashboard.live import Hub
from service.dashboard.outlines import Outlines


@dataclass(frozen=True)
class Site:
    """What pages share."""

    hub: Hub
    outlines: Outlines = field(default_factory=Outlines)


def site(request: Request) -> Site:
    """What the pages of the application share that a request came to."""
    held: Site = request.app.state.site
    return held
