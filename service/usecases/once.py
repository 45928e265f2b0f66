"""A request that is sent again with its request_id is carried out once, and answered as it was the first time."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter

from service.domain.errors import RequestReused
from service.usecases.ports import Transaction

A = TypeVar("A")


def digest(body: BaseModel) -> str:
    """A fingerprint of a body: equal bodies have equal ones."""
    return hashlib.sha256(body.model_dump_json().encode()).hexdigest()


def once(
    tx: Transaction, scope: str, request_id: str | None, body: BaseModel, answer: TypeAdapter[A], work: Callable[[], A]
) -> A:
    """Do the work and remember its answer, or give the answer that is remembered. An empty one is not worth it."""
    if request_id is None:
        return work()
    fingerprint = digest(body)
    before = tx.requests.get(scope, request_id)
    if before is not None:
        if before[0] != fingerprint:
            raise RequestReused
        return answer.validate_python(before[1])
    result = work()
    if result != ():
        tx.requests.put(scope, request_id, fingerprint, answer.dump_python(result, mode="json"))
    return result
