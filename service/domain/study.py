"""A study as the server keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from service.domain.errors import RevisionMismatch
from service.domain.states import move_study
from service.domain.trial import Trial, nothing
from service.wire.study import StudyDefinition, StudyPatch, StudyState


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A definition, and how far it has come. `revision` grows with edits, `seq` with anything that changes in it.

    `next_number` counts its trials, `added` those among them that cost no budget: they ran elsewhere, or are reruns.
    `system` is the samplers' own memory and never comes from outside. `reason` says why it is in its state, `tally` is
    what the rules that end or pause it have counted, `data_fingerprint` which data its first trial was trained on.
    `created_by` is the name of whoever created it, `creator` the id of the token that they had, if any.
    """

    id: int
    definition: StudyDefinition
    state: StudyState = "active"
    archived: bool = False
    revision: int = 1
    seq: int = 0
    next_number: int = 0
    added: int = 0
    system: Mapping[str, Any] = field(default_factory=nothing)
    reason: str | None = None
    tally: Mapping[str, Any] = field(default_factory=nothing)
    data_fingerprint: str | None = None
    created_by: str | None = None
    creator: str | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        """The name under which it is addressed."""
        return self.definition.name

    def seed_of(self, trial: Trial) -> int:
        """The seed that a trial trains from: its own if it is a rerun, or the study's, if they have it in common."""
        if trial.rerun is not None:
            return trial.rerun.seed
        seed = self.definition.seed or 0
        return seed if self.definition.seeds == "common" else seed + trial.number

    def moved(self, to: StudyState, reason: str | None = None) -> "Study":
        """The study in another state, if the table of states allows it, and why."""
        return replace(self, state=move_study(self.state, to), reason=reason, revision=self.revision + 1)

    def patched(self, patch: StudyPatch) -> "Study":
        """The study with the fields that the patch names."""
        changes = {name: getattr(patch, name) for name in patch.model_fields_set if getattr(patch, name) is not None}
        definition = self.definition.model_copy(update=changes)
        return replace(self, definition=definition, revision=self.revision + 1)

    def expect(self, revision: int | None) -> None:
        """Refuse when the caller has seen another revision than this one."""
        if revision is not None and revision != self.revision:
            raise RevisionMismatch(
                f"study '{self.name}' is at revision {self.revision}, your change was made to revision {revision}"
            )
