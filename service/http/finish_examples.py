"""Examples of the honest end of a study, for the OpenAPI document: real messages, so that they cannot grow stale."""

from datetime import UTC, datetime

from service.wire import finish

_AT = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)

BEGIN = {
    "the best five on five seeds": {"value": {}},
    "the best ten, by one of several objectives": {"value": {"top": 10, "seeds": 8, "metric": "val_loss"}},
    "once more": {"value": {"again": "the split was stratified anew: the first figure is of another split"}},
}
FINISH = finish.Finish(
    study="digits-mlp",
    round=1,
    state="finished",
    metric="val_loss",
    direction="minimize",
    seeds=(1803241677, 40923111),
    level=0.95,
    search=finish.SearchThen(state="completed", completed=41),
    done=3,
    of=3,
    candidates=(
        finish.Candidate(
            trial=12,
            params={"learning_rate": 0.0031, "dropout": 0.1},
            searched=0.0713,
            value=finish.Interval(mean=0.0792, sd=0.0019, low=0.0621, high=0.0963),
            best=True,
            tied=True,
            seconds=1.84,
            parameters=4810,
            runs=(
                finish.ConfirmRun(trial=100, seed=1803241677, state="completed", value=0.0805, seconds=1.85),
                finish.ConfirmRun(trial=101, seed=40923111, state="completed", value=0.0779, seconds=1.83),
            ),
        ),
    ),
    winner=12,
    why="Trial 12 was the only one.",
    refit=finish.Refit(trial=102, state="completed", seed=1803241677, steps=20),
    tests=(finish.Evaluation(round=1, at=_AT, trial=102, metrics={"test_loss": 0.0831, "test_accuracy": 0.975}),),
    artifact=finish.Artifact(
        uri="/v1/studies/digits-mlp/trials/102/attempts/1/checkpoints/20",
        stored=True,
        trial=102,
        attempt=1,
        step=20,
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        size=23_552,
    ),
    card="# digits-mlp\n\n...",
    started_by="ana",
    started_at=_AT,
    ended_at=_AT,
)
REPRODUCE = {"as it was": {"value": {"request_id": "b1b6b5c4"}}}
REPRODUCTIONS = finish.ReproductionList(
    reproductions=(
        finish.Reproduction(
            trial=103, state="completed", likeness="equal", said="Equal to the last bit at all 20 steps.", steps=20
        ),
    )
)
