"""Where the pages are: every address of the dashboard, and the operation of the API that each stands for."""

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route

from service.dashboard import assets
from service.dashboard.live import Hub
from service.dashboard.pages import (
    analysis,
    events,
    finish,
    new,
    session,
    steering,
    stream,
    studies,
    study,
    texts,
    trial,
    trials,
    workers,
)
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
    Page("/new", new.show, "create_study"),
    Page("/new", new.create, "create_study", form=True),
    Page("/new/draft", new.draft, "create_study", form=True),
    Page("/studies/{study:study}", study.overview, "get_study"),
    Page("/studies/{study:study}/trials", trials.table, "list_trials"),
    Page("/studies/{study:study}/trials/{number:count}", trial.show, "get_trial"),
    Page("/studies/{study:study}/trials/{number:count}/why", trial.why, "explain_trial"),
    Page("/studies/{study:study}/trials/{number:count}/again", steering.again, "add_trial", form=True),
    Page("/studies/{study:study}/trials/{number:count}/retry", steering.retry, "retry_trials", form=True),
    Page("/studies/{study:study}/trials/{number:count}/cancel", steering.cancel, "cancel_trial", form=True),
    Page("/studies/{study:study}/analysis", analysis.analysis, "get_study"),
    Page("/studies/{study:study}/compare", analysis.compare, "list_trials"),
    Page("/studies/{study:study}/pruning", analysis.pruning, "get_search"),
    Page("/studies/{study:study}/logs", texts.logs, "read_log"),
    Page("/studies/{study:study}/config", texts.config, "get_study"),
    Page("/studies/{study:study}/finish", finish.show, "get_finish"),
    Page("/studies/{study:study}/finish/begin", finish.form, "finish_study"),
    Page("/studies/{study:study}/finish/begin", finish.begin, "finish_study", form=True),
    Page("/studies/{study:study}/finish/cancel", finish.cancel, "cancel_finish", form=True),
    Page("/studies/{study:study}/finish/card", finish.card, "get_finish"),
    Page("/studies/{study:study}/pause", steering.pause, "pause_study", form=True),
    Page("/studies/{study:study}/resume", steering.resume, "resume_study", form=True),
    Page("/studies/{study:study}/archive", steering.archive, "archive_study", form=True),
    Page("/studies/{study:study}/unarchive", steering.unarchive, "unarchive_study", form=True),
    Page("/studies/{study:study}/stop", steering.form, "stop_study"),
    Page("/studies/{study:study}/stop", steering.stop, "stop_study", form=True),
    Page("/studies/{study:study}/edit", steering.form, "change_study"),
    Page("/studies/{study:study}/edit", steering.edit, "change_study", form=True),
    Page("/studies/{study:study}/enqueue", steering.form, "add_trial"),
    Page("/studies/{study:study}/enqueue", steering.enqueue, "add_trial", form=True),
    Page("/studies/{study:study}/delete", steering.form, "delete_study"),
    Page("/studies/{study:study}/delete", steering.delete, "delete_study", form=True),
    Page("/workers", workers.fleet, "list_workers"),
    Page("/workers/connect", workers.connect, "list_workers"),
    Page("/workers/{worker_id:worker}", workers.show, "get_worker"),
    Page("/workers/{worker_id:worker}/drain", workers.drain, "drain_worker", form=True),
    Page("/workers/{worker_id:worker}/undrain", workers.undrain, "undrain_worker", form=True),
    Page("/workers/{worker_id:worker}/forget", workers.forget, "forget_worker", form=True),
    Page("/events", events.happened, "follow_events"),
    Page("/events/audit", events.audit, "list_audit"),
    Page("/login", session.ask, None),
    Page("/login", session.log_in, "log_in", form=True),
    Page("/logout", session.log_out, "log_out", form=True),
    # Last: it takes whatever is left.
    Nowhere(),
)


def install(app: Starlette) -> None:
    """Give an application its pages."""
    held: Served = app.state.served
    app.state.site = Site(Hub(held.services.store, held.services.mirrors, held.feed))
    app.router.routes.extend(ROUTES)
