"""At which steps a scheduler may have something to say: between them a report costs no thought."""

from service.wire import scheduler as wire
from service.wire.scheduler import AnyScheduler

_AUTO = wire.AshaScheduler(type="asha")


def may_decide(scheduler: AnyScheduler, before: int | None, step: int) -> bool:
    """Whether a decision may fall at a step, when the step reported before it is known (None: there was none)."""
    match scheduler:
        case wire.NoScheduler():
            return False
        case wire.AutoScheduler():
            return _rung(_AUTO, before, step)
        case wire.AshaScheduler() if scheduler.resource != "step":
            # How much of it there was at the step before is not known here.
            return True
        case wire.AshaScheduler() | wire.HyperbandScheduler():
            return _rung(scheduler, before, step)
        case wire.MedianScheduler() | wire.PercentileScheduler() | wire.ThresholdScheduler():
            return _interval(scheduler.warmup_steps, scheduler.interval_steps, before, step)
        case wire.PatientScheduler() | wire.WilcoxonScheduler():
            return True


def may_pause(scheduler: AnyScheduler) -> bool:
    """Whether a running trial may come to be paused, and go on later."""
    return isinstance(scheduler, wire.AutoScheduler) or (
        isinstance(scheduler, wire.AshaScheduler) and scheduler.mode == "promote"
    )


def _rung(rungs: wire.Rungs, before: int | None, step: int) -> bool:
    """Whether a rung lies behind the step before and not behind this one."""
    rung = rungs.min_resource
    while before is not None and rung <= before:
        rung *= rungs.reduction_factor
    return rung <= step


def _interval(warmup: int, interval: int, before: int | None, step: int) -> bool:
    """Whether this is the first step that is reported in its interval."""
    if step < warmup:
        return False
    return before is None or before < warmup + (step - warmup) // interval * interval
