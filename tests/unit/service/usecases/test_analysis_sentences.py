"""What happened to a trial, in sentences."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from service.domain.decision import Decision
from service.domain.trial import AttemptKey, Trial
from service.usecases.analysis.sentences import decision, ending
from service.wire.trial import Failure

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"act": "stop", "reason": "number 3 of 4: 0.5 > 0.4"},
            "At step 4 it was stopped: number 3 of 4: 0.5 > 0.4.",
        ),
        (
            {"act": "continue", "basis": {"value": 0.25, "cut": 0.5, "rank": 1, "n": 7}},
            "At step 4 it went on: it had 0.25, the cut was 0.5, number 1 of 7.",
        ),
        (
            {"act": "pause", "basis": {"rung": 1}, "key": AttemptKey(1, 2, 3)},
            "At step 4 (attempt 3) it was paused: the scheduler said so.",
        ),
    ],
)
def test_decisions(fields: Mapping[str, Any], said: str) -> None:
    assert decision(Decision(**{"key": AttemptKey(1, 2, 1), "step": 4, "at": NOW, **fields})) == said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"state": "completed", "values": {"loss": 0.125, "f1": float("nan")}},
            "It completed with loss 0.125, f1 NaN.",
        ),
        ({"state": "completed"}, "It completed with no values."),
        ({"state": "running"}, "It is running."),
        (
            {
                "state": "infeasible",
                "failure": Failure.model_validate({"class": "oom", "message": "CUDA out of memory\nmore"}),
            },
            "It could not be trained at this point: oom, CUDA out of memory.",
        ),
        ({"state": "failed", "failure": Failure.model_validate({"class": "crash"})}, "It failed: crash."),
    ],
)
def test_endings(fields: Mapping[str, Any], said: str) -> None:
    assert ending(Trial(study_id=1, number=0, origin="sampled", params={}, created_at=NOW, **fields)) == said
