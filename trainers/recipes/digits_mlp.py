"""scikit-learn's digits by a multi-layer perceptron: small, real, the same to the last bit from the same seed."""

from trainers import chosen, finish, supervised
from trainers.api import Trial, refits
from trainers.data import catalog
from trainers.models.catalog import MODELS
from trainers.proposal import arranged

DIMENSIONS = arranged(
    (*supervised.dimensions(*supervised.CLASSES), *catalog.dimensions("digits"), *MODELS["mlp"].dimensions),
    defaults={"learning_rate": 3e-3, "weight_decay": 1e-4, "dropout": 0.1},
    searched={
        *("learning_rate", "weight_decay", "dropout", "lambda", "batch_size"),
        *("hidden", "layers", "optimizer", "momentum"),
    },
)


@refits
def train(trial: Trial) -> dict[str, float]:
    """Train one network."""
    given = chosen.read(DIMENSIONS, params=trial.params, settings=trial.settings, log=trial.log)
    if trial.purpose == "refit":
        return finish.refit(trial, given, MODELS["mlp"], "digits")
    return supervised.learn(trial, given, MODELS["mlp"], catalog.load("digits", given)).figures
