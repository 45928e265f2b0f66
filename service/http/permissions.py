"""Who may do what: one table from operations to roles. What does not stand here is allowed to nobody."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import Scope

from service.domain.actor import Actor
from service.domain.errors import RoleMissing, TokenMissing
from service.wire.token import Role

Roles = frozenset[Role]
READS: Roles = frozenset({"viewer", "editor", "admin"})
CHANGES: Roles = frozenset({"editor", "admin"})
RUNS: Roles = frozenset({"worker", "editor", "admin"})
RULES: Roles = frozenset({"admin"})
ALL: Roles = READS | RUNS

OPEN = frozenset({"get_health", "get_readiness", "get_study_schema", "log_in"})
"""Those that need no token: they tell nothing of what is kept here, or are the way to log in."""

ALLOWED: Mapping[str, Roles] = {
    "get_version": ALL,
    "get_session": ALL,
    "log_out": ALL,
    "list_studies": READS,
    "get_study": READS,
    "list_trials": READS,
    "get_trial": READS,
    "list_reports": READS,
    "list_attempts": READS,
    "list_decisions": READS,
    "list_checkpoints": READS,
    "list_best_trials": READS,
    "get_pareto_front": READS,
    "get_importances": READS,
    "get_search": READS,
    "get_advice": READS,
    "replay_scheduler": READS,
    "explain_trial": READS,
    "get_finish": READS,
    "list_reproductions": READS,
    "get_curves": READS,
    "get_all_curves": READS,
    "get_columns": READS,
    "get_rungs": READS,
    "get_timeline": READS,
    "export_study": READS,
    "follow_events": READS,
    "create_study": CHANGES,
    "change_study": CHANGES,
    "pause_study": CHANGES,
    "resume_study": CHANGES,
    "stop_study": CHANGES,
    "archive_study": CHANGES,
    "unarchive_study": CHANGES,
    "delete_study": CHANGES,
    "warm_start_study": CHANGES,
    "add_trial": CHANGES,
    "add_trials": CHANGES,
    "cancel_trial": CHANGES,
    "retry_trials": CHANGES,
    "finish_study": CHANGES,
    "cancel_finish": CHANGES,
    "reproduce_trial": CHANGES,
    "ask": RUNS,
    "report": RUNS,
    "complete": RUNS,
    "commit_checkpoint": RUNS,
    "upload_checkpoint": RUNS,
    "read_checkpoint": ALL,
    "write_log": RUNS,
    "read_log": READS,
    "read_newest_log": READS,
    "list_workers": READS,
    "get_worker": READS,
    "drain_worker": CHANGES,
    "undrain_worker": CHANGES,
    "forget_worker": CHANGES,
    "register_worker": RUNS,
    "acquire": RUNS,
    "heartbeat": RUNS,
    "create_token": RULES,
    "list_tokens": RULES,
    "revoke_token": RULES,
    "list_audit": RULES,
}

UNSIGNED = frozenset(
    {
        "replay_scheduler",
        "ask",
        "report",
        "complete",
        "commit_checkpoint",
        "upload_checkpoint",
        "write_log",
        "register_worker",
        "acquire",
        "heartbeat",
    }
)
"""Those that are no GET and yet leave no entry in the audit log: calculations, and what workers say all the time."""

ACTOR = "basin.actor"
"""Where a request's scope holds who sends it: an Actor, why nobody can be told, or None."""


def check(scope: Scope, operation: str) -> None:
    """Refuse a request whose sender may not do this."""
    if operation in OPEN:
        return
    actor = scope.get(ACTOR)
    if isinstance(actor, Exception):
        raise actor
    if actor is None:
        raise TokenMissing
    assert isinstance(actor, Actor)
    allowed = ALLOWED.get(operation, frozenset())
    if actor.role not in allowed:
        raise RoleMissing(
            f"{operation} needs {needed(allowed)}: '{actor.name}' has the role {actor.role}",
            role=actor.role,
            needed=sorted(allowed),
        )


def sender(request: Request) -> Actor:
    """Who sends a request that has been let in."""
    actor = request.scope[ACTOR]
    assert isinstance(actor, Actor)
    return actor


def needed(allowed: Roles) -> str:
    """The roles that may do something, in words."""
    names = sorted(allowed)
    if not names:
        return "a role that does not exist"
    return f"the role {names[0]}" if len(names) == 1 else f"one of the roles {', '.join(names)}"
