"""Sequences that need a memory, by a GRU, an LSTM or a Transformer: parity, adding, copying, or your own series."""

from trainers import chosen, crossvalidation, finish, supervised
from trainers.api import Trial, refits
from trainers.data import catalog
from trainers.models import catalog as models
from trainers.proposal import arranged

DATA = ("adding", "parity", "copy", "npz")
DIMENSIONS = arranged(
    (
        catalog.data_choice(*DATA, default="adding"),
        *supervised.dimensions(*supervised.CLASSES, "mae", "huber", default=supervised.BY_TASK),
        *crossvalidation.DIMENSIONS,
        *catalog.dimensions(*DATA),
        *models.choice_of("gru", "lstm", "encoder", default="gru"),
    ),
    # What needs a memory is learned after a long while at which nothing is: no reason to give up.
    defaults={"learning_rate": 1e-2, "epochs": 30, "batch_size": 32, "health": False},
    searched={"learning_rate", "weight_decay", "dropout", "batch_size", "hidden", "layers", "bidirectional", "model"},
)


@refits
def train(trial: Trial) -> dict[str, float]:
    """Train one network, or one for each fold."""
    given = chosen.read(DIMENSIONS, params=trial.params, settings=trial.settings, log=trial.log)
    if trial.purpose == "refit":
        return finish.refit(trial, given, models.MODELS[given.text("model")], given.text("data"))
    return crossvalidation.train(trial, given, models.MODELS[given.text("model")], given.text("data"))
