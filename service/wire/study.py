"""A study: its definition, which is also the file `study.yaml`, and what the server tells of it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import InitErrorDetails, ValidationError

from service.wire import relations
from service.wire.message import Answer, Metrics, Name, Note, Params, Request, Tags, refuse
from service.wire.objective import Budget, Limits, Objective, Requirements, Retention, Retry, Trainer
from service.wire.sampler import AnySampler, AutoSampler
from service.wire.scheduler import AnyScheduler, AutoScheduler
from service.wire.space import Space
from service.wire.stopping import Stopping, Watched
from service.wire.trial import Origin
from service.wire.warm_start import CameFrom, WarmStart, WarmStarted

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
StudyState = Literal["active", "paused", "stopping", "stopped", "completed"]
CheckedSpace = Annotated[Space, AfterValidator(relations.check)]
DEFINITION_EXAMPLE: dict[str, JsonValue] = {
    "name": "digits-mlp",
    "objectives": [{"metric": "val_loss", "direction": "minimize"}],
    "space": {
        "learning_rate": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
        "dropout": {"type": "float", "low": 0.0, "high": 0.7},
        "batch_size": {"type": "ordinal", "values": [16, 32, 64, 128]},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]},
        "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"optimizer": "sgd"}},
        "scaled_rate": {"type": "derived", "expression": "learning_rate * batch_size / 256"},
    },
    "budget": {"max_trials": 100, "wall_time": "2h"},
}


class StudyDefinition(Request):
    """Everything that makes a study: what is searched, for what, how, and for how long."""

    model_config = ConfigDict(json_schema_extra={"examples": [DEFINITION_EXAMPLE]})

    name: Name = Field(examples=["digits-mlp"])
    note: Note = ""
    tags: Tags = ()
    priority: int = Field(default=0, ge=-1000, le=1000, description="Studies of a higher priority are served first.")
    objectives: tuple[Objective, ...] = Field(min_length=1, max_length=8)
    space: CheckedSpace
    sampler: AnySampler = Field(default=AutoSampler(type="auto"), validate_default=True)
    scheduler: AnyScheduler = Field(default=AutoScheduler(type="auto"), validate_default=True)
    stopping: Stopping = Stopping()
    budget: Budget = Budget()
    retry: Retry = Retry()
    trainer: Trainer | None = None
    requires: Requirements = Requirements()
    limits: Limits = Limits()
    checkpoints: Retention = Retention()
    seed: int | None = Field(default=None, ge=0, lt=2**63, description="Drawn by the server if none is given.")
    seeds: Literal["common", "independent"] = Field(
        default="common", description="Whether all trials train from the same seed, which makes them easier to compare."
    )
    warm_start: WarmStart | None = Field(default=None, description="What is taken of other studies, to begin with.")

    @model_validator(mode="after")
    def _fits_together(self) -> "StudyDefinition":
        errors = []
        names = [objective.metric for objective in self.objectives]
        for place, name in enumerate(names):
            if name in names[:place]:
                text = refuse("metric_twice", "'{name}' is already an objective", name=name)
                errors.append(InitErrorDetails(type=text, loc=("objectives", place, "metric"), input=name))
        errors += self._stopping_fits(names)
        if errors:
            raise ValidationError.from_exception_data("StudyDefinition", errors)
        return self

    def _stopping_fits(self, objectives: list[str]) -> list[InitErrorDetails]:
        """What is wrong with the metrics that the stopping rules name."""
        errors = []
        known = ", ".join(objectives)
        for name in self.stopping.target or ():
            if name not in objectives:
                text = refuse("target_unknown", "is not an objective (they are {known})", known=known)
                errors.append(InitErrorDetails(type=text, loc=("stopping", "target", name), input=None))
        rules: dict[str, Watched | None] = {
            "patience": self.stopping.patience,
            "divergence": self.stopping.divergence,
        }
        for rule, watched in rules.items():
            if watched and watched.metric and watched.metric not in objectives and watched.direction is None:
                text = refuse("direction_needed", "is missing: '{name}' is not an objective", name=watched.metric)
                errors.append(InitErrorDetails(type=text, loc=("stopping", rule, "direction"), input=None))
        return errors

    @model_validator(mode="after")
    def _not_from_itself(self) -> "StudyDefinition":
        sources = self.warm_start.sources if self.warm_start else ()
        if self.name in sources:
            text = refuse("from_itself", "is this study itself: it can learn from other studies only")
            place = ("warm_start", "from", sources.index(self.name))
            error = InitErrorDetails(type=text, loc=place, input=self.name)
            raise ValidationError.from_exception_data("StudyDefinition", [error])
        return self


def study_schema(address: str | None = None) -> dict[str, Any]:
    """The JSON Schema of the study file; with the address at which it is served, if it is."""
    head = {"$schema": JSON_SCHEMA_DIALECT} | ({"$id": address} if address else {})
    return {**head, **StudyDefinition.model_json_schema()}


class StudyPatch(Request):
    """What may be changed of a study once it is there. What is not named stays as it is."""

    note: Note | None = None
    tags: Tags | None = None
    priority: int | None = Field(default=None, ge=-1000, le=1000)
    budget: Budget | None = Field(
        default=None, description="The whole budget: limits that it does not name are lifted."
    )


class StopStudy(Request):
    """How to stop: let running trials finish, cancel them, or kill them."""

    running: Literal["finish", "cancel", "kill"] = Field(
        default="finish",
        description="`cancel`: a trial is told with its next report. `kill`: its lease is taken back, and its worker "
        "ends it with the next heartbeat, also where it no longer reports.",
    )


class TrialCounts(Answer):
    """How many trials are in each state."""

    queued: int = 0
    running: int = 0
    paused: int = 0
    completed: int = 0
    pruned: int = 0
    failed: int = 0
    infeasible: int = 0
    cancelled: int = 0


class BestTrial(Answer):
    """The trial with the best value of the first objective among those that completed."""

    number: int
    values: Metrics
    params: Params
    origin: Origin = Field(default="sampled", description="'added' was measured elsewhere, and not by this study.")
    came_from: CameFrom | None = Field(default=None, description="The trial that it was taken from by a warm start.")


class Study(Answer):
    """A study as it stands."""

    name: str
    state: StudyState
    reason: str | None = Field(default=None, description="Why it is in this state, where there is something to say.")
    archived: bool
    definition: StudyDefinition
    revision: int = Field(description="Grows with each change of the definition or state; it is the ETag for If-Match.")
    seq: int = Field(description="Grows with each change of the study or of any of its trials.")
    trials: TrialCounts
    best: BestTrial | None = None
    warm_start: WarmStarted | None = Field(
        default=None, description="What a warm start has taken: told by the call that made it."
    )
    data_fingerprint: str | None = Field(
        default=None, description="The SHA-256 of the data that its trials are trained on, if their trainer told it."
    )
    created_by: str | None = Field(
        default=None, description="Who created it: the name of a token, or `local` where none is needed."
    )
    created_at: datetime
    updated_at: datetime


class StudyList(Answer):
    """One page of studies."""

    studies: tuple[Study, ...]
    next_page_token: str | None = Field(
        default=None, description="Ask for the next page with it; absent on the last one."
    )
