"""Warm start: a study begins with what other studies have found, or with what they have measured."""

from typing import Literal

from pydantic import ConfigDict, Field, field_validator

from service.wire.message import Answer, Name, Request, refuse

MOST_SOURCES = 20
MOST_TRIALS = 1_000
USUAL_BEST = 10


class WarmStart(Request):
    """Which studies a study learns from, and what it takes of them."""

    # Both spellings are read, so that a definition can be made of the one that is stored.
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    sources: tuple[Name, ...] = Field(
        alias="from",
        min_length=1,
        max_length=MOST_SOURCES,
        description="The names of the studies to learn from.",
        examples=[["digits-mlp-2025"]],
    )
    use: Literal["best", "history"] = Field(
        default="best",
        description="'best' runs their best points again, first of all; 'history' takes their results as they are.",
    )
    count: int | None = Field(
        default=None,
        ge=1,
        le=MOST_TRIALS,
        description=f"How many trials at most: {USUAL_BEST} for 'best', {MOST_TRIALS:,} for 'history'.",
    )

    @field_validator("sources")
    @classmethod
    def _once(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        for place, name in enumerate(sources):
            if name in sources[:place]:
                raise refuse("source_twice", "names '{name}' twice", name=name)
        return sources

    @property
    def most(self) -> int:
        """How many trials are taken at most."""
        return self.count or (USUAL_BEST if self.use == "best" else MOST_TRIALS)


class TakenFrom(Answer):
    """What was taken of one study."""

    study: str
    taken: int = Field(description="How many of its trials are in this study now.")
    left_out: dict[str, int] = Field(
        default_factory=dict, description="How many of its trials were left out, by the reason."
    )


class WarmStarted(Answer):
    """What a warm start has taken, study by study."""

    sources: tuple[TakenFrom, ...]


class CameFrom(Answer):
    """The trial of another study that a trial was made of."""

    study: str
    number: int
