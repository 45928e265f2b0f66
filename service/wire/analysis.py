"""What is read out of a study: its best trials, its front, what matters in it, and what another scheduler had done."""

from typing import Literal

from pydantic import Field

from service.wire.message import Answer, Metrics, Number, Params, Request
from service.wire.objective import Direction
from service.wire.scheduler import AnyScheduler
from service.wire.trial import Act, TrialState

Method = Literal["ped_anova", "fanova"]
Progress = Literal["ready", "computing", "stale", "unknown"]


class RankedTrial(Answer):
    """A completed trial and its place among others, the best being 1."""

    rank: int
    number: int
    values: Metrics
    params: Params = Field(description="What is searched.")


class BestTrials(Answer):
    """The best completed trials."""

    study: str
    seq: int = Field(description="The study's seq that this was read at.")
    by: Literal["value", "front"] = Field(
        description="`value`: by the first objective. `front`: there are several objectives, and these are the trials "
        "that no other beats in all of them, the one nearest to the best of each objective first."
    )
    trials: tuple[RankedTrial, ...]
    reason: str | None = Field(default=None, description="Why there is none, or how to read the order.")


class Aim(Answer):
    """An objective: a metric and the direction that is better."""

    metric: str
    direction: Direction


class Volume(Answer):
    """The hypervolume after a trial had completed."""

    number: int
    hypervolume: Number


class ParetoFront(Answer):
    """The completed trials that no other beats in all objectives, and the volume that they dominate."""

    study: str
    seq: int
    objectives: tuple[Aim, ...]
    trials: tuple[RankedTrial, ...] = Field(description="By the first objective, the best first.")
    size: int = Field(description="How many trials are on the front.")
    of: int = Field(description="Among how many completed trials.")
    hypervolume: Number | None = None
    reference: Metrics | None = Field(default=None, description="The point up to which the volume is measured.")
    reference_from: Literal["given", "front"] | None = Field(
        default=None,
        description="`front`: the worst value on the front in each objective, and a tenth of the front's range behind.",
    )
    history: tuple[Volume, ...] = Field(
        default=(), description="After each trial that made the volume larger, in the order in which they ended."
    )
    reason: str | None = Field(default=None, description="What is not there, and why.")


class Importance(Answer):
    """How much of what there is to gain hangs on a parameter."""

    name: str
    share: Number = Field(description="All shares together are 1, or all are 0.")


class Importances(Answer):
    """Which parameters matter, as of some seq of the study."""

    study: str
    state: Progress = Field(
        description="`ready`: of the study as it is. `stale`: of an earlier seq, and being computed anew. `computing`: "
        "there is nothing yet. `unknown`: it cannot be told, see `reason`."
    )
    seq: int | None = Field(default=None, description="The study's seq that this was computed at.")
    study_seq: int = Field(description="The study's seq now.")
    method: Method
    metric: str | None = Field(
        default=None, description="The objective; without one, it is about coming to the front of all of them."
    )
    trials: int = Field(default=0, description="How many trials this was computed from.")
    needed: int = Field(description="How many it takes at least.")
    importances: tuple[Importance, ...] = Field(default=(), description="The largest share first.")
    reason: str | None = None


class WhatIf(Request):
    """Another scheduler, to be tried on the curves that are there."""

    scheduler: AnyScheduler = Field(examples=[{"type": "asha", "reduction_factor": 3}])
    wait_seconds: float = Field(
        default=10.0, ge=0, le=30, allow_inf_nan=False, description="How long to wait for the result."
    )


class Halted(Answer):
    """A trial that the other scheduler would have stopped or paused."""

    number: int
    step: int
    act: Act
    reason: str | None = None
    really: TrialState = Field(description="What became of it.")
    last_step: int = Field(description="How far it really came.")
    values: Metrics | None = None


class Spent(Answer):
    """What trials cost: as it was, as it would have been, and the difference."""

    really: Number
    replayed: Number
    saved: Number


class TopKept(Answer):
    """How many of the k best trials the other scheduler would have let run to their end."""

    k: int
    kept: int


class Loss(Answer):
    """What would have become of the best trial."""

    metric: str
    number: int = Field(description="The best trial.")
    value: Number
    kept: bool
    stopped_at: int | None = None
    next_number: int | None = Field(default=None, description="The best of the trials that would have run to the end.")
    next_value: Number | None = None
    regret: Number | None = Field(default=None, description="By how much the best value would have been worse.")


class Replay(Answer):
    """What another scheduler would have done with the curves of a study."""

    trials: int = Field(description="How many trials were judged.")
    of: int = Field(description="How many there are that have ended or been paused, with a curve.")
    given: int = Field(default=0, description="Trials that ran elsewhere: they are compared with, and not judged.")
    stopped: int
    paused: int = Field(description="In the end: those that went on later are not counted.")
    promoted: int = Field(default=0, description="How often a paused trial would have gone on.")
    really_stopped: int = Field(description="How many of the judged ones the study's own scheduler stopped or paused.")
    unknown: int = Field(
        description="Trials that would have gone on beyond the step at which they were really stopped or paused."
    )
    steps: Spent
    gpu_seconds: Spent | None = Field(default=None, description="As far as workers reported them.")
    gpu_trials: int = Field(default=0, description="For how many of the judged trials GPU seconds are known.")
    best: Loss | None = None
    top: tuple[TopKept, ...] = ()
    halted: tuple[Halted, ...] = Field(default=(), description="In the order in which it would have happened.")
    halted_more: int = Field(default=0, description="How many more there are than are listed.")
    notes: tuple[str, ...] = Field(default=(), description="What was assumed.")


class WhatIfAnswer(Answer):
    """A replay, once it is there. Nothing of the study has changed."""

    study: str
    state: Progress
    seq: int | None = Field(default=None, description="The study's seq that this was computed at.")
    study_seq: int = Field(description="The study's seq now.")
    scheduler: AnyScheduler = Field(description="With all its options.")
    metric: str = Field(description="The metric whose curves it looks at.")
    replay: Replay | None = None
    reason: str | None = None


class Drawn(Answer):
    """Where the parameters of a trial come from."""

    by: str = Field(description="In words.")
    sampler: dict[str, object] | None = None
    engine: str | None = None
    versions: dict[str, str] = Field(default_factory=dict, description="Of the libraries that are installed now.")
    study_seed: int | None = None
    trial_seed: int | None = None
    seed_rule: str | None = None
    note: str | None = None


class Known(Answer):
    """What was known when the parameters were drawn."""

    seq: int | None = None
    ended: int = Field(description="How many trials had ended.")
    pending: tuple[int, ...] = Field(default=(), description="Trials that had been suggested and had not ended.")
    pending_count: int = 0


class Recomputed(Answer):
    """Whether the engine makes the same suggestion again from what was known."""

    state: Literal["same", "different", "unknown"]
    reason: str | None = None
    params: Params | None = Field(default=None, description="What it makes now, where that is something else.")


class Outlook(Answer):
    """What a model says of the trial from what was known before it."""

    model: str = Field(description="Which model, fitted to what.")
    metric: str | None = None
    mean: Number | None = None
    sd: Number | None = None
    best: Number | None = Field(default=None, description="The best value that was known.")
    expected_gain: Number | None = Field(default=None, description="By how much it was expected to beat that.")
    density_ratio: Number | None = Field(
        default=None, description="How much more likely the point is among the good trials than among the others."
    )


class Neighbour(Answer):
    """A trial that had ended, and how far away it is: 0 is the same point, 1 the whole range of one parameter."""

    number: int
    distance: float
    state: TrialState
    values: Metrics | None = None


class Explanation(Answer):
    """Why a trial is what it is: where its parameters come from, and what was decided of it."""

    study: str
    number: int
    state: TrialState
    drawn: Drawn
    known: Known | None = None
    recomputed: Recomputed | None = None
    outlooks: tuple[Outlook, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    decisions: tuple[str, ...] = Field(default=(), description="One sentence each.")
    ending: str = Field(description="What became of it, in a sentence.")


class Hint(Answer):
    """A piece of advice, with what it rests on."""

    topic: Literal["stability", "dead_units", "label_noise", "memorised"]
    text: str = Field(description="What was found, and what to do, in words.")
    figures: Metrics = Field(description="The figures of the text.")
    trials: tuple[int, ...] = Field(description="The trials that it rests on.")


class Advice(Answer):
    """What the health of a study's trials suggests to change in it."""

    study: str
    seq: int = Field(description="The study's seq that this was read at.")
    hints: tuple[Hint, ...] = ()
    reason: str | None = Field(default=None, description="Why there is none.")


class Rung(Answer):
    """A rung of a study's scheduler, and what it is worth."""

    rung: int
    trials: int = Field(description="How many trials came to it.")
    paused: int = Field(description="How many of them wait there.")
    controls: int = Field(default=0, description="Of those that train to the end whatever they show, how many have.")
    correlation: Number | None = Field(
        default=None, description="How the controls' order here agrees with that at the end (Spearman), from 6 on."
    )
    decides: bool = Field(default=True, description="Whether decisions fall here: not where the order says too little.")


class Search(Answer):
    """How a study is searched."""

    study: str
    sampler: str = Field(description="Who chooses the points, and why, in words.")
    scheduler: str = Field(description="Who decides what goes on, in words.")
    controls: int = 0
    rungs: tuple[Rung, ...] = ()
