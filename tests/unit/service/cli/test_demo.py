"""The demo of `basin up`: its first trial is the trainer's default, and its last words compare the winner with that."""

from typing import Any

from service.cli.demo import DEFAULTS, STUDY, compared
from trainers.recipes.digits_mlp import DIMENSIONS


def report(winner: int | None, **values: list[float | None]) -> dict[str, Any]:
    runs = {int(name[1:]): [{"seed": seed, "value": one} for seed, one in enumerate(of)] for name, of in values.items()}
    candidates = [{"trial": number, "runs": of} for number, of in runs.items()]
    return {"winner": winner, "metric": "val_loss", "candidates": candidates}


def test_the_default_is_the_trainer_s_and_a_point_of_the_space() -> None:
    known = {one.name: one.default for one in DIMENSIONS}
    assert {name: known[name] for name in STUDY["space"]} == DEFAULTS


def test_the_winner_is_compared_with_the_default_seed_by_seed() -> None:
    (said,) = compared(report(7, t7=[0.1, 0.12, None, 0.11], t0=[0.2, 0.22, 0.1, None]), 0)
    assert said == (
        "with the trainer's default parameters (trial 0) val_loss is 0.21, with the winner's 0.11: 48% less, and less "
        "on 2 of the 2 seeds that both were run on"
    )
    (said,) = compared(report(7, t7=[0.1, 0.3], t0=[0.2, 0.1]), 0)
    assert "33% more, and less on 1 of the 2 seeds" in said


def test_there_may_be_nothing_to_compare() -> None:
    assert list(compared(report(0, t0=[0.2]), 0)) == [
        "nothing that was found is better than the trainer's default parameters (trial 0)"
    ]
    assert list(compared(report(None, t0=[0.2]), 0)) == []
    assert list(compared(report(7, t7=[0.2], t0=[None]), 0)) == []
    assert list(compared(report(7, t7=[0.2]), None)) == []
