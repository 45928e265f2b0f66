"""Examples of what the server says of tokens, sessions and changes, for the OpenAPI document."""

from datetime import UTC, datetime, timedelta

from service.wire import audit, token

_THEN = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
_ID = "3f9c1e0a77b2"
# So short that nobody takes it for a real one.
_SECRET = f"basin_{_ID}_..."

TOKEN = token.Token(
    id=_ID,
    name="anna",
    role="editor",
    state="live",
    created_at=_THEN,
    created_by="local",
    expires_at=_THEN + timedelta(days=90),
    last_used_at=_THEN + timedelta(minutes=4),
)
CREATED = token.CreatedToken(**TOKEN.model_dump(exclude={"last_used_at"}), token=_SECRET)
TOKENS = token.TokenList(tokens=(TOKEN,))
NEW_TOKEN = {
    "person": {"summary": "For a person", "value": {"name": "anna", "role": "editor", "expires_in": "90d"}},
    "workers": {"summary": "For the workers of a cluster", "value": {"name": "gpu-cluster", "role": "worker"}},
}
LOG_IN = {"token": {"summary": "With a token", "value": {"token": _SECRET}}}
SESSION = token.Session(name="anna", role="editor", token_id=_ID, expires_at=_THEN + timedelta(days=30))
AUDIT = audit.AuditList(
    entries=(
        audit.AuditEntry(
            id=812,
            at=_THEN,
            actor="anna",
            token_id=_ID,
            role="editor",
            request_id="6f0c1d9e2b7a4853",
            operation="stop_study",
            object="studies/digits-mlp",
            detail={"running": "finish"},
        ),
        audit.AuditEntry(
            id=811,
            at=_THEN,
            actor="system",
            operation="move_study",
            object="studies/wine",
            detail={"state": "completed", "reason": "the target is reached"},
        ),
    ),
    next_page_token=None,
)
