"""Texts, character by character, by a Transformer or an LSTM: Python's own help texts, or yours."""

from trainers import chosen, finish, supervised
from trainers.api import Trial, refits
from trainers.data import catalog
from trainers.models import catalog as models
from trainers.proposal import arranged

DATA = ("python-docs", "text")
DIMENSIONS = arranged(
    (
        catalog.data_choice(*DATA, default="python-docs"),
        *supervised.dimensions("cross_entropy", "focal"),
        *catalog.dimensions(*DATA),
        *models.choice_of("decoder", "lstm", "gru", default="decoder"),
    ),
    defaults={"learning_rate": 3e-3, "epochs": 5, "batch_size": 32, "characters": 200_000},
    searched={"learning_rate", "weight_decay", "dropout", "batch_size", "blocks", "model"},
)


@refits
def train(trial: Trial) -> dict[str, float]:
    """Train one network."""
    given = chosen.read(DIMENSIONS, params=trial.params, settings=trial.settings, log=trial.log)
    if trial.purpose == "refit":
        return finish.refit(trial, given, models.MODELS[given.text("model")], given.text("data"))
    data = catalog.load(given.text("data"), given)
    return supervised.learn(trial, given, models.MODELS[given.text("model")], data).figures
