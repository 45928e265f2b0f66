"""Tables, built in or your own, by a multi-layer perceptron: classes or numbers, cross-validated if that is wanted."""

from trainers import chosen, crossvalidation, finish, supervised
from trainers.api import Trial, refits
from trainers.data import catalog
from trainers.models.catalog import MODELS
from trainers.proposal import arranged

DATA = ("wine", "breast-cancer", "iris", "diabetes", "friedman", "digits", "csv", "parquet", "npz")
DIMENSIONS = arranged(
    (
        catalog.data_choice(*DATA, default="wine"),
        *supervised.dimensions(*supervised.CLASSES, "mae", "huber", default=supervised.BY_TASK),
        *crossvalidation.DIMENSIONS,
        *catalog.dimensions(*DATA),
        *MODELS["mlp"].dimensions,
    ),
    defaults={"learning_rate": 3e-3, "epochs": 60, "batch_size": 32},
    searched={"learning_rate", "weight_decay", "dropout", "lambda", "batch_size", "hidden", "layers"},
)


@refits
def train(trial: Trial) -> dict[str, float]:
    """Train one network, or one for each fold."""
    given = chosen.read(DIMENSIONS, params=trial.params, settings=trial.settings, log=trial.log)
    if trial.purpose == "refit":
        return finish.refit(trial, given, MODELS["mlp"], given.text("data"))
    return crossvalidation.train(trial, given, MODELS["mlp"], given.text("data"))
