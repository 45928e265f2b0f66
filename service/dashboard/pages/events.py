"""What happened, and who changed what."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.dashboard.page import page
from service.domain.audit import AuditQuery
from service.domain.event import Event
from service.http.addresses import normal
from service.usecases.ports import Transaction

_PAGE = 100
_WINDOW = 2_000
_LONGEST = 200
KINDS = (("", "All"), ("study", "Studies"), ("trial", "Trials"), ("worker", "Workers"), ("trouble", "Trouble"))


async def happened(request: Request) -> Response:
    """The events, newest first."""
    asked = request.query_params
    study, kind = normal(asked.get("study", "")[:_LONGEST].strip()), asked.get("kind", "")
    before = int(asked["before"]) if asked.get("before", "").isdigit() else None

    def read(tx: Transaction) -> Mapping[str, Any]:
        oldest, newest = tx.events.bounds()
        end = newest if before is None else min(before - 1, newest)
        begin = max(end - _WINDOW, oldest - 1, 0)
        window = tx.events.list(begin, study or None, _WINDOW)
        found = [one for one in reversed(window) if one.id <= end and fits(one, kind)]
        shown = found[:_PAGE]
        last = shown[-1].id if len(found) > _PAGE else begin + 1
        return {
            "events": [(one, told(one)) for one in shown],
            "kinds": KINDS,
            "kind": kind if kind in dict(KINDS) else "",
            "study": study,
            "before": last if last > max(oldest, 1) else None,
            "first": before is None,
        }

    return await page(request, "events.html", read)


async def audit(request: Request) -> Response:
    """The audit log, newest first."""
    asked = request.query_params
    actor, object = asked.get("actor", "").strip()[:_LONGEST], normal(asked.get("object", "").strip()[:_LONGEST])
    query = AuditQuery(
        actor=actor or None,
        object=object.strip("/") or None,
        before_id=int(asked["before"]) if asked.get("before", "").isdigit() else None,
        size=_PAGE,
    )

    def read(tx: Transaction) -> Mapping[str, Any]:
        found = tx.audit.list(query)
        return {
            "entries": found.items,
            "who": actor,
            "object": object,
            "before": found.items[-1].id if found.more else None,
        }

    return await page(request, "audit.html", read)


def fits(event: Event, kind: str) -> bool:
    """Whether an event is of a kind that can be chosen."""
    if kind == "trouble":
        bad = event.data.get("state") in {"failed", "infeasible"} or "wait_seconds" in event.data
        return bad or event.type in {"worker.offline", "worker.draining"}
    return not kind or event.type.startswith(f"{kind}.")


def told(event: Event) -> str:
    """What happened, in a few words."""
    data = event.data
    words: Mapping[str, str] = {
        "study.created": "was created",
        "study.updated": f"was changed: {_listed(data.get('fields', ()))}",
        "study.state": f"is {data.get('state')}{_why(data)}",
        "study.deleted": "was deleted",
        "trial.created": "was added" if data.get("state") not in {"queued", None} else "was queued",
        "trial.state": _trial(data),
        "worker.online": "is online",
        "worker.offline": f"is gone{_why(data)}",
        "worker.draining": f"takes no more trials{_why(data)}",
        "worker.undrained": "takes trials again",
        "worker.forgotten": "was forgotten",
    }
    return words.get(event.type, event.type)


def _trial(data: Mapping[str, Any]) -> str:
    if "wait_seconds" in data:
        avoided = f", not on {data['avoid']}" if data.get("avoid") else ""
        return f"was lost ({data.get('failure', 'infra')}) and is queued again{avoided}"
    failure = f": {data['failure']}" if data.get("failure") and data.get("state") != "cancelled" else ""
    return f"is {data.get('state')}{failure}"


def _why(data: Mapping[str, Any]) -> str:
    return f": {data['reason']}" if data.get("reason") else ""


def _listed(fields: Sequence[str]) -> str:
    return ", ".join(fields)
