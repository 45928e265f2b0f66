"""Where the pages are: every address of the dashboard, and the operation of the API that each stands for."""

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route

from service.dashboard import assets
from service.dashboard.live import Hub
from service.dashboard.pages import stream, studies, study
from service.dashboard.route import Nowhere
from service.dashboard.route import PageRoute as Page
from service.dashboard.site import Site
from service.http.services import Served

# More particular addresses come first.
ROUTES: tuple[BaseRoute, ...] = (
    Route("/static/{mark}/{path:path}", assets.serve, include_in_schema=False),
    Page("/live", stream.follow, "follow_events"),
    Page("/", studies.home, None),
    Page("/studies", studies.list_, "list_studies"),
    Page("/studies/{study:study}", study.overview, "get_study"),
    # Last: it takes whatever is left.
    Nowhere(),
)


def install(app: Starlette) -> None:
    """Give an application its pages."""
    held: Served = app.state.served
    app.state.site = Site(Hub(held.services.store, held.services.mirrors, held.feed))
    app.router.routes.extend(ROUTES)
