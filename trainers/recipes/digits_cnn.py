"""scikit-learn's digits by a convolutional network, of any of five designs: 98 per cent and more in seconds."""

from trainers import chosen, finish, supervised
from trainers.api import Trial, refits
from trainers.data import catalog
from trainers.models.catalog import MODELS, choice_of
from trainers.proposal import arranged
from trainers.techniques import preparing

DIMENSIONS = arranged(
    (
        *supervised.dimensions(*supervised.CLASSES),
        *preparing.IMAGES,
        *catalog.dimensions("digits"),
        *choice_of("cnn", "vgg", "inception", "resnet", "densenet", default="cnn"),
    ),
    defaults={
        "learning_rate": 3e-3,
        "weight_decay": 1e-2,
        "schedule": "cosine",
        "width": 32,
        "dropout": 0.2,
        "label_smoothing": 0.1,
        "aug_translate": 0.05,
        "aug_rotate": 5.0,
    },
    searched={
        *("learning_rate", "weight_decay", "lambda", "batch_size", "optimizer", "momentum", "schedule", "lr_final"),
        *("dropout", "label_smoothing", "aug_translate", "aug_rotate", "model", "width", "stages", "norm"),
    },
)


@refits
def train(trial: Trial) -> dict[str, float]:
    """Train one network."""
    given = chosen.read(DIMENSIONS, params=trial.params, settings=trial.settings, log=trial.log)
    if trial.purpose == "refit":
        return finish.refit(trial, given, MODELS[given.text("model")], "digits")
    model = MODELS[given.text("model")]
    return supervised.learn(trial, given, model, catalog.load("digits", given)).figures
