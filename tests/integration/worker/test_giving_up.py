"""A training that is hopeless, in a real process: it ends by itself, and says why."""

from tests.integration.worker.running import Running


def test_one_that_diverges_cannot_be_had_at_this_point(loaded: Running) -> None:
    told = loaded.run("digits-mlp", {"epochs": 20, "learning_rate": 30.0}, metric="val_loss")
    assert (told.ended.outcome, told.ended.failure_class) == ("failed", "nan")
    assert told.ended.message.startswith("diverged: in epoch ")
    assert told.ended.tail == ""
    assert told.log.endswith(f"{told.ended.message}\n")
    step, last = told.points[-1]
    assert step < 20
    assert 0.1 <= last["health.violation"] <= 1.0


def test_one_that_does_not_move_is_pruned(loaded: Running) -> None:
    told = loaded.run("digits-mlp", {"epochs": 20, "learning_rate": 1e-9}, metric="val_loss")
    assert told.ended.outcome == "pruned"
    assert told.ended.message.startswith("frozen: a step changes no layer by more than ")
    assert told.points[-1][0] < 20
    assert told.points[-1][1]["health.flag.frozen"] == 1.0


def test_it_is_let_go_on_where_that_is_wanted(loaded: Running) -> None:
    told = loaded.run("digits-mlp", {"epochs": 6, "learning_rate": 1e-9, "health": False}, metric="val_loss")
    assert told.ended.outcome == "completed"
    assert len(told.points) == 6
