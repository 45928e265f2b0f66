"""The honest end of a study: how it is asked for, and what it tells."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from service.wire.message import Answer, Identifier, Metrics, Note, Number, Params, Request, RequestId
from service.wire.objective import Direction
from service.wire.trial import Failure, TrialState

FinishState = Literal["confirming", "refitting", "finished", "failed", "cancelled"]
Likeness = Literal["waiting", "equal", "close", "different", "incomparable"]


class FinishStudy(Request):
    """Run the best trials again on fresh seeds, train the winner on everything, and test it once."""

    top: int = Field(default=5, ge=1, le=50, description="So many of the best trials are run again.")
    seeds: int = Field(default=5, ge=2, le=50, description="On so many fresh seeds, the same ones for each of them.")
    metric: Identifier | None = Field(
        default=None, description="The objective to go by; without it the only one of the study."
    )
    beside: int | None = Field(
        default=None,
        ge=0,
        lt=2**31,
        description="A trial that is run with them on the same seeds, whatever its place: to be compared with.",
    )
    again: Note | None = Field(
        default=None,
        min_length=1,
        description="Why the sealed test split is to be looked at once more: it goes to the audit log.",
    )


class Interval(Answer):
    """A mean over seeds, how much single runs differ, and where the true mean lies at 95 % (Student's t)."""

    mean: Number
    sd: Number
    low: Number
    high: Number


class ConfirmRun(Answer):
    """A trial that was run again on one fresh seed."""

    trial: int = Field(description="The number of the run itself.")
    seed: int
    state: TrialState
    value: Number | None = None
    seconds: Number | None = Field(
        default=None,
        description="What it took: GPU seconds where the worker counts them, or else the time it was held.",
    )


class Candidate(Answer):
    """One of the best trials of the search, and what its runs on fresh seeds have shown so far."""

    trial: int
    params: Params
    searched: Number | None = Field(default=None, description="Its value in the search: chosen because it looked good.")
    value: Interval | None = Field(default=None, description="Its value over the fresh seeds; from two runs on.")
    behind: Interval | None = Field(
        default=None,
        description="How far it is behind the best one, seed by seed; greater is worse. The best one has none.",
    )
    best: bool = False
    tied: bool = Field(default=False, description="Whether it cannot be told apart from the best one.")
    failed: int = Field(default=0, description="On how many seeds it came to no value.")
    seconds: Number | None = Field(default=None, description="What a run takes, in the mean.")
    parameters: Number | None = Field(default=None, description="How many weights it has, if its trainer reports it.")
    runs: tuple[ConfirmRun, ...] = ()


class SearchThen(Answer):
    """How far the search was when its study was finished."""

    state: str
    completed: int


class Refit(Answer):
    """The winner, trained on all data but the sealed test split."""

    trial: int = Field(description="The number of the run.")
    state: TrialState
    seed: int
    steps: int | None = Field(default=None, description="How far it is trained: the median of the winner's runs.")
    failure: Failure | None = None


class Evaluation(Answer):
    """What the sealed test split said, which is looked at once."""

    round: int
    at: datetime
    trial: int
    metrics: Metrics
    again: str | None = Field(default=None, description="Why it was looked at once more, if it was.")


class Artifact(Answer):
    """The trained model, as the refit left it: its last checkpoint."""

    uri: str = Field(description="Where it is kept; an address of this server, if the server keeps it.")
    stored: bool
    trial: int
    attempt: int
    step: int
    sha256: str
    size: int


class Finish(Answer):
    """The report of a study's honest end, as far as it has come."""

    study: str
    round: int = Field(description="1, and one more each time that the study was finished anew.")
    state: FinishState
    reason: str | None = Field(default=None, description="Why it ended so, where there is something to say.")
    metric: str
    direction: Direction
    seeds: tuple[int, ...]
    level: float = Field(description="The probability that an interval holds the truth.")
    search: SearchThen
    done: int = Field(description="How many runs have ended, the refit included.")
    of: int
    candidates: tuple[Candidate, ...] = Field(description="The best first, by what is known by now.")
    winner: int | None = Field(default=None, description="The cheapest of those that tie with the best one.")
    why: str | None = Field(default=None, description="Why it is the winner.")
    refit: Refit | None = None
    tests: tuple[Evaluation, ...] = Field(
        default=(),
        description="Each time that the sealed test split was looked at, in all rounds: once, if it is honest.",
    )
    artifact: Artifact | None = None
    card: str | None = Field(default=None, description="The model card, in Markdown, once it has ended with a winner.")
    again: str | None = None
    started_by: str
    started_at: datetime
    ended_at: datetime | None = None


class Reproduce(Request):
    """Run a trial again, as it was: the same parameters, the same seed."""

    request_id: RequestId | None = Field(
        default=None, description="Sent again with the same id, the same trial is answered."
    )


class Reproduction(Answer):
    """A trial that was run again as it was, and how its curve compares."""

    trial: int = Field(description="The number of the run.")
    state: TrialState
    likeness: Likeness = Field(
        description="'equal' to the last bit, 'close' within the tolerance, or 'different'; 'waiting' until it has "
        "ended; 'incomparable' where the two curves have no step in common."
    )
    said: str = Field(description="The same in a sentence.")
    steps: int = Field(default=0, description="How many steps the two curves have in common.")
    first_different: int | None = Field(default=None, description="The first step at which they differ at all.")
    farthest: Number | None = Field(default=None, description="How far they are apart at most.")
    tolerance: Number | None = Field(default=None, description="How far they may be apart.")
    tolerance_from: Literal["seeds", "rounding"] | None = Field(
        default=None,
        description="'seeds': twice the standard deviation of runs on other seeds; 'rounding': 0.1 % of the values.",
    )


class ReproductionList(Answer):
    """The runs by which a trial was reproduced, the first one first."""

    reproductions: tuple[Reproduction, ...]
