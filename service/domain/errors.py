"""The tree of refusals. Each has a stable code; its docstring is its default message.

* BasinError
  x Refused                what was asked cannot be done as it was asked
    + Invalid              fields are wrong, each of them named
    + NotFound             StudyNotFound, TrialNotFound, AttemptNotFound, WorkerNotFound, CheckpointNotFound,
                           TokenNotFound, FinishNotFound
    + Gone                 CheckpointEvicted
    + ChecksumMismatch     what arrived is not what was sent
    + ProtocolUnsupported  worker and server do not speak the same protocol
    + TokenMissing         nobody has said who asks
    + TokenInvalid         the token holds no longer, or never did
    + RoleMissing          the token's role does not allow it
    + NotYourAttempt       another worker's token holds the attempt
    + Conflict             what is there is in the way
      - NameTaken
      - WrongState
      - StaleLease
      - SeqGap
      - AlreadyCompleted
      - StudyBusy
      - BudgetSpent
      - RequestReused
      - WorkerTaken
      - OffsetGap
      - FinishRunning, SplitOpened
      - DataDiffer
    + RevisionMismatch     somebody else changed it in between
  x Unavailable            it may be asked again as it is, a little later
    + StoreUnavailable, StoreFull, Overloaded
    + TooManyFailures      too many wrong tokens came from one address
    + ArtifactsUnavailable, ArtifactsFull
  x SchemaMismatch         this program and the database do not fit
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import ClassVar

from service.wire.problem import FieldError


class BasinError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    hint: ClassVar[str | None] = None

    def __init__(self, message: str | None = None, errors: Sequence[FieldError] = (), **context: object) -> None:
        self.message = message or inspect.getdoc(type(self)) or self.code
        self.errors = tuple(errors)
        self.context: Mapping[str, object] = context
        super().__init__(self.message)


class Refused(BasinError):
    """What was asked cannot be done."""

    code = "refused"


class Invalid(Refused):
    """Some fields are not as they should be."""

    code = "invalid_argument"

    @classmethod
    def field(cls, path: str, message: str) -> "Invalid":
        """A single field that is wrong."""
        return cls.of([FieldError(field=path, message=message)])

    @classmethod
    def of(cls, errors: Sequence[FieldError]) -> "Invalid":
        """Several fields that are wrong; the message holds the first."""
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        return cls(f"{errors[0]}{more}", errors)


class NotFound(Refused):
    """There is no such thing."""

    code = "not_found"


class StudyNotFound(NotFound):
    """There is no study of this name."""

    code = "study_not_found"
    hint = "GET /v1/studies lists the studies there are."


class TrialNotFound(NotFound):
    """The study has no trial of this number."""

    code = "trial_not_found"


class AttemptNotFound(NotFound):
    """The trial has no attempt of this number."""

    code = "attempt_not_found"


class TokenNotFound(NotFound):
    """There is no token of this id."""

    code = "token_not_found"
    hint = "GET /v1/tokens lists the tokens there are."


class FinishNotFound(NotFound):
    """This study has not been finished."""

    code = "finish_not_found"
    hint = "POST /v1/studies/{study}:finish begins it."


class TokenMissing(Refused):
    """This server wants a token with every request."""

    code = "token_missing"
    hint = "Send 'Authorization: Bearer TOKEN'. Whoever runs the server makes one with: basin token create"


class TokenInvalid(Refused):
    """This token is not known here."""

    code = "token_invalid"
    hint = "Ask for a new one; whoever runs the server makes it with: basin token create"


class RoleMissing(Refused):
    """The token's role does not allow this."""

    code = "role_missing"
    hint = "Use a token of a role that may."


class NotYourAttempt(Refused):
    """This attempt was granted to another token."""

    code = "not_your_attempt"
    hint = "Stop this attempt: a worker's token may only write to attempts that were granted to itself."


class WorkerNotFound(NotFound):
    """There is no worker of this id."""

    code = "worker_not_found"
    hint = "A worker introduces itself with PUT /v1/workers/{id}; GET /v1/workers lists those that are known."


class CheckpointNotFound(NotFound):
    """The attempt has no checkpoint of this step."""

    code = "checkpoint_not_found"
    hint = "GET .../trials/{number}/checkpoints lists those that are kept."


class Gone(Refused):
    """It was there once."""

    code = "gone"


class CheckpointEvicted(Gone):
    """The checkpoint was removed to make room."""

    code = "checkpoint_evicted"
    hint = "The study's `checkpoints` say how many are kept."


class ChecksumMismatch(Refused):
    """The bytes that arrived are not those that the checksum was made of."""

    code = "checksum_mismatch"
    hint = "Send the file again; nothing of it was kept."


class ProtocolUnsupported(Refused):
    """Worker and server do not speak the same protocol."""

    code = "protocol_unsupported"


class Conflict(Refused):
    """What is there is in the way."""

    code = "conflict"


class NameTaken(Conflict):
    """A study of this name is there already."""

    code = "name_taken"
    hint = "Choose another name, or delete that study first."


class WrongState(Conflict):
    """That is not possible in the present state."""

    code = "wrong_state"


class StaleLease(Conflict):
    """The lease was given to somebody else, or has ended."""

    code = "stale_lease"
    hint = "Stop this attempt and ask for a new trial."


class SeqGap(Conflict):
    """Points before these are missing."""

    code = "seq_gap"
    hint = "Send the points behind acked_seq again."


class AlreadyCompleted(Conflict):
    """The attempt was completed with another outcome."""

    code = "already_completed"


class StudyBusy(Conflict):
    """Trials of the study are running."""

    code = "study_busy"
    hint = "Stop the study first, or delete it with force=true."


class BudgetSpent(Conflict):
    """The study's budget is spent."""

    code = "budget_spent"
    hint = "Raise the budget (PATCH the study), then resume it."


class RequestReused(Conflict):
    """This request_id was used with another body."""

    code = "request_reused"
    hint = "Draw a new request_id for each new request."


class WorkerTaken(Conflict):
    """Another instance of this worker runs."""

    code = "worker_taken"
    hint = "Give each worker a folder of its own, or stop the other one."


class OffsetGap(Conflict):
    """Bytes before these are missing."""

    code = "offset_gap"
    hint = "Send the bytes from next_offset on again."


class FinishRunning(Conflict):
    """The study is being finished."""

    code = "finish_running"
    hint = "GET /v1/studies/{study}/finish tells how far it is; POST .../finish:cancel ends it."


class SplitOpened(Conflict):
    """The sealed test split of this study was opened before."""

    code = "test_split_opened"
    hint = "GET /v1/studies/{study}/finish answers what it said. To open it once more, give the reason as `again`."


class DataDiffer(Conflict):
    """The study's trials were trained on other data."""

    code = "data_differ"
    hint = "Give this worker the data that the others have, or make a new study for these data."


class RevisionMismatch(Refused):
    """The study was changed in between."""

    code = "revision_mismatch"
    hint = "Read the study again, and make your change to what is there now."


class Unavailable(BasinError):
    """Not possible just now."""

    code = "unavailable"


class StoreUnavailable(Unavailable):
    """The database does not answer."""

    code = "store_unavailable"
    hint = "Try again in a moment; nothing that was acknowledged is lost."


class StoreFull(Unavailable):
    """The database has no room left."""

    code = "store_full"
    hint = "Make room on the server's disk, then try again."


class Overloaded(Unavailable):
    """Too many writes are waiting."""

    code = "overloaded"
    hint = "Try again in a moment."


class TooManyFailures(Unavailable):
    """Too many wrong tokens came from this address."""

    code = "too_many_failures"
    hint = "Wait, and stop whatever sends a wrong token."


class ArtifactsUnavailable(Unavailable):
    """The place where checkpoints are kept does not answer."""

    code = "artifacts_unavailable"
    hint = "Try again in a moment; see artifacts_url and data_dir on the server."


class ArtifactsFull(Unavailable):
    """The place where checkpoints are kept has no room left."""

    code = "artifacts_full"
    hint = "Make room there, or let studies keep less (`checkpoints`), then send it again; nothing of it was kept."


class SchemaMismatch(BasinError):
    """The database has a schema that this program does not know."""

    code = "schema_mismatch"
