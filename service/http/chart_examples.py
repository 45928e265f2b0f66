"""Examples of what charts are drawn from, for the OpenAPI document: real messages, so that they cannot grow stale."""

from datetime import UTC, datetime, timedelta

from service.wire import charts

_STUDY = "digits-mlp"
_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

CURVES = charts.Curves(
    study=_STUDY,
    seq=412,
    metric="val_loss",
    metrics=("val_loss", "train_loss"),
    direction="minimize",
    axis="step",
    scale="linear",
    extent=charts.Span(low=1, high=3),
    trials=57,
    read=57,
    of=57,
    band=charts.Band(at=(1, 2, 3), p10=(0.9, 0.4, 0.2), p50=(1.1, 0.6, 0.3), p90=(1.9, 0.9, 0.5)),
    density=charts.Density(
        columns=3, rows=2, values=charts.Span(low=0.1, high=2.0), counts=(20, 30, 25, 9, 11, 2), above=7, below=0
    ),
    lines=(charts.Line(number=12, state="completed", why="best", at=(1, 2, 3), values=(0.9, 0.31, 0.0713)),),
    cuts=(charts.Cut(rung=0, step=1, cut=1.2, decided_at=_NOON),),
)
COLUMNS = charts.Columns(
    study=_STUDY,
    seq=412,
    metrics=("val_loss",),
    direction="minimize",
    directions=("minimize",),
    of=3,
    read=3,
    steps_between=(1, 1, 1),
    states="cpr",
    values=(0.0713, 0.52, 0.3),
    params=(
        charts.Column(name="learning_rate", kind="number", low=1e-5, high=0.1, log=True, values=(0.003, 0.02, 0.0007)),
        charts.Column(name="optimizer", kind="choice", choices=("sgd", "adamw"), values=(1, 0, 1)),
    ),
    param_names=("learning_rate", "optimizer"),
)
RUNGS = charts.Rungs(
    study=_STUDY,
    seq=412,
    metric="val_loss",
    direction="minimize",
    scheduler="asha",
    read=57,
    of=57,
    rungs=(
        charts.RungReport(
            rung=0,
            step=1,
            entered=57,
            stopped=40,
            paused=0,
            promoted=0,
            went_on=17,
            verdicts=charts.Verdicts(numbers=(12, 17), values=(0.9, 1.7), cuts=(1.2, 1.2), acts="cs", seconds=(3, 9.5)),
        ),
    ),
    full_steps=81,
    saved_steps=0.61,
    not_taken=2893,
    saved_gpu_hours=4.2,
    stopped=40,
    completed=12,
)
TIMELINE = charts.Timeline(
    now=_NOON,
    since=_NOON - timedelta(hours=24),
    stretches=(
        charts.Stretch(
            study=_STUDY,
            trial=17,
            attempt=1,
            worker="dgx-01",
            worker_id="0b0e8a3c-6c1a-4d0e-9f4e-2f6f3c1d5a77",
            gpu="GPU-1",
            state="completed",
            began=_NOON - timedelta(minutes=40),
            ended=_NOON - timedelta(minutes=4),
        ),
    ),
)
