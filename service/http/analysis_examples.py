"""Examples of what is read out of a study, for the OpenAPI document: real messages, so that they cannot grow stale."""

from service.wire import analysis
from service.wire.message import Scalar
from service.wire.scheduler import AshaScheduler

_STUDY = "digits-mlp"
_POINT: dict[str, Scalar] = {"learning_rate": 0.0031, "dropout": 0.1, "batch_size": 64, "optimizer": "adamw"}
_OTHER: dict[str, Scalar] = {"learning_rate": 0.0012, "dropout": 0.3, "batch_size": 32, "optimizer": "adamw"}
_ASHA = AshaScheduler(type="asha", reduction_factor=3)

BEST = analysis.BestTrials(
    study=_STUDY,
    seq=412,
    by="value",
    trials=(
        analysis.RankedTrial(rank=1, number=12, values={"val_loss": 0.0713}, params=_POINT),
        analysis.RankedTrial(rank=2, number=17, values={"val_loss": 0.0813}, params=_OTHER),
    ),
)
PARETO = analysis.ParetoFront(
    study=_STUDY,
    seq=412,
    objectives=(
        analysis.Aim(metric="val_loss", direction="minimize"),
        analysis.Aim(metric="throughput", direction="maximize"),
    ),
    trials=(
        analysis.RankedTrial(rank=1, number=12, values={"val_loss": 0.0713, "throughput": 310.0}, params=_POINT),
        analysis.RankedTrial(rank=2, number=17, values={"val_loss": 0.0813, "throughput": 520.0}, params=_OTHER),
    ),
    size=2,
    of=40,
    hypervolume=0.44,
    reference={"val_loss": 0.0823, "throughput": 289.0},
    reference_from="front",
    history=(analysis.Volume(number=12, hypervolume=0.231), analysis.Volume(number=17, hypervolume=0.44)),
)
SEARCH = analysis.Search(
    study=_STUDY,
    sampler="auto: 16 scrambled Sobol points, then the expected improvement at the end of training, by a model of the "
    "curves, because the scheduler 'auto' cuts trials short.",
    scheduler="auto: trials that can go on later pause at rungs, 1, 4, 16 … times as far as their first report; "
    "successive halving and a model of the curves promote them by turns. Others are stopped there for good.",
    controls=7,
    rungs=(
        analysis.Rung(rung=0, trials=210, paused=141, controls=7, correlation=0.43, decides=False),
        analysis.Rung(rung=1, trials=69, paused=40, controls=7, correlation=0.86),
    ),
)
ADVICE = analysis.Advice(
    study=_STUDY,
    seq=412,
    hints=(
        analysis.Hint(
            topic="stability",
            text="The best learning rate is at the border of stability: trial 12 has learning_rate 0.0031, and of 9 "
            "trials with adamw between that and 3 times as much 4 diverged. Let the rate warm up (warm_up) or clip "
            "gradients (clip_norm): then larger steps may be stable.",
            figures={"rate": 0.0031, "near": 9.0, "diverged": 4.0},
            trials=(3, 9, 12, 21, 30),
        ),
    ),
)
IMPORTANCES = analysis.Importances(
    study=_STUDY,
    state="ready",
    seq=412,
    study_seq=412,
    method="ped_anova",
    metric="val_loss",
    trials=57,
    needed=20,
    importances=(
        analysis.Importance(name="learning_rate", share=0.71),
        analysis.Importance(name="optimizer", share=0.2),
        analysis.Importance(name="dropout", share=0.06),
        analysis.Importance(name="batch_size", share=0.03),
    ),
)
WHAT_IF = {
    "a stricter halving": {"value": {"scheduler": {"type": "asha", "reduction_factor": 3}}},
    "stop below the median": {"value": {"scheduler": {"type": "median", "warmup_steps": 5}, "wait_seconds": 30}},
}
REPLAY = analysis.WhatIfAnswer(
    study=_STUDY,
    state="ready",
    seq=412,
    study_seq=412,
    scheduler=_ASHA,
    metric="val_loss",
    replay=analysis.Replay(
        trials=40,
        of=40,
        stopped=0,
        paused=24,
        really_stopped=0,
        unknown=0,
        steps=analysis.Spent(really=800.0, replayed=388.0, saved=412.0),
        gpu_seconds=analysis.Spent(really=9320.0, replayed=4520.0, saved=4800.0),
        gpu_trials=40,
        best=analysis.Loss(
            metric="val_loss", number=12, value=0.0713, kept=True, next_number=12, next_value=0.0713, regret=0.0
        ),
        top=(analysis.TopKept(k=1, kept=1), analysis.TopKept(k=3, kept=3), analysis.TopKept(k=5, kept=4)),
        halted=(
            analysis.Halted(
                number=3,
                step=1,
                act="pause",
                reason="number 3 of 3 at rung 0 (step 1), where the best 1 go on: 1.4 > 0.9",
                really="completed",
                last_step=20,
                values={"val_loss": 0.39},
            ),
        ),
        halted_more=23,
        notes=("Points carry no times: each trial's are taken to have come evenly from its start to its end.",),
    ),
)
EXPLANATION = analysis.Explanation(
    study=_STUDY,
    number=17,
    state="completed",
    drawn=analysis.Drawn(
        by="auto drew it by a tree-structured Parzen estimator, because 'momentum' does not always take part.",
        sampler={"type": "auto"},
        engine="optuna 5.0.0",
        versions={"optuna": "5.0.0"},
        study_seed=7,
        trial_seed=2715493286,
        seed_rule="trial_seed is the 64-bit BLAKE2b hash of the text 'study_seed:number', modulo 2**32",
    ),
    known=analysis.Known(seq=96, ended=16, pending=(16,), pending_count=1),
    recomputed=analysis.Recomputed(state="same"),
    outlooks=(
        analysis.Outlook(
            model="the sampler's own: TPE, 2 trials taken for good and 15 for the others", density_ratio=3.4
        ),
        analysis.Outlook(
            model="for comparison, not the sampler's own: a Gaussian process (Matérn 5/2) on the 16 completed trials",
            metric="val_loss",
            mean=0.094,
            sd=0.021,
            best=0.0713,
            expected_gain=0.0018,
        ),
    ),
    neighbours=(
        analysis.Neighbour(number=12, distance=0.11, state="completed", values={"val_loss": 0.0713}),
        analysis.Neighbour(number=9, distance=0.27, state="pruned"),
    ),
    decisions=("At step 4 it went on: it had 0.31, the cut was 0.33, number 2 of 12.",),
    ending="It completed with val_loss 0.0813.",
)
