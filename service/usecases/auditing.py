"""How a change is signed: one entry of the audit log, in the transaction that makes the change."""

from service.domain.actor import SYSTEM, Actor
from service.domain.audit import entry
from service.domain.study import Study
from service.usecases.ports import Transaction


def sign(tx: Transaction, actor: Actor, operation: str, object: str, **detail: object) -> None:
    """Write down who changed something where no request is behind it."""
    tx.audit.append(entry(tx.now, actor, operation, object, detail))


def sign_move(tx: Transaction, study: Study) -> None:
    """Write down that the server itself brought a study into its state, and why."""
    sign(tx, SYSTEM, "move_study", f"studies/{study.name}", state=study.state, reason=study.reason)
