"""Sentences of your own and the class of each, word by word, by a GRU, an LSTM or a Transformer."""

from trainers import chosen, crossvalidation, finish, supervised
from trainers.api import Trial, refits
from trainers.data import catalog
from trainers.models import catalog as models
from trainers.models import words
from trainers.proposal import arranged
from trainers.techniques import preparing

DATA = ("sentences",)
DIMENSIONS = arranged(
    (
        *supervised.dimensions(*supervised.CLASSES),
        *preparing.TEXTS,
        *crossvalidation.DIMENSIONS,
        *catalog.dimensions(*DATA),
        *words.DIMENSIONS,
        *models.choice_of("gru", "lstm", "encoder", default="gru"),
    ),
    defaults={"learning_rate": 5e-3, "weight_decay": 1e-2, "epochs": 20, "bidirectional": True},
    searched={
        *("learning_rate", "weight_decay", "dropout", "batch_size", "embedding", "hidden", "layers", "model"),
        *("aug_synonym", "aug_insert", "aug_delete", "aug_swap"),
    },
)


@refits
def train(trial: Trial) -> dict[str, float]:
    """Train one network, or one for each fold."""
    given = chosen.read(DIMENSIONS, params=trial.params, settings=trial.settings, log=trial.log)
    if trial.purpose == "refit":
        return finish.refit(trial, given, models.MODELS[given.text("model")], DATA[0])
    return crossvalidation.train(trial, given, models.MODELS[given.text("model")], DATA[0])
